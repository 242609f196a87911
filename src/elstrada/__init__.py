"""Elstrada: electric-car charging as one system, from the station's socket to the electricity bill."""

__version__ = "0.1.0"

"""Nouns: frozen structs with their invariants. Imports nothing of ours.

The canonical noun is that of OCPI 2.3.0 where it has one, else of OCPP 2.1, else the trade's
(decision 0001). Every wire version translates to and from these.
"""

"""The table of quirks that comes with Elstrada, and an installation's own rows."""

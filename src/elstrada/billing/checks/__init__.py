"""The checks of a CDR, by kind. Each is a pure function of the CDR and of what its receiver knows."""

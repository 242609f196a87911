"""Certificates of stations: what they ask for, who signs it, and what comes back."""

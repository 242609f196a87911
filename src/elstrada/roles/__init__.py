"""Actors: each role waits, decides with pure code, commits and acts. ``node`` wires any set of them."""

"""Looks at an installation from the outside, and says in plain words what is wrong with it."""

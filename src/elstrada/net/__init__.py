"""Hands: the only package that opens a socket or reads the time. ``face`` says what hands can do."""

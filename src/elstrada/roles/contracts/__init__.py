"""Plug & Charge: whether a contract's certificate is good, and where a car's new one comes from."""

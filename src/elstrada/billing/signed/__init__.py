"""Signed meter values: reading, verifying and passing on what a meter signed. Pricing 5.3; OCMF 1.4.1."""

"""Prices: what a session costs by a tariff, and why. Pure: exact decimals, no clock, no store."""

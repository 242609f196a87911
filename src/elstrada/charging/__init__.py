"""Verbs at a station: pure deciders. ``station.decide`` is the way in."""

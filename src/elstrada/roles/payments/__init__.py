"""Payments on the web: from the code on a station's display to the money that its session cost."""

"""A world from a seed: virtual time, network, stations and drivers around the real roles."""

"""How far two places are apart."""

from __future__ import annotations

from math import asin, cos, isfinite, radians, sin, sqrt

from elstrada.model.location import GeoLocation

_EARTH_M = 6_371_009
"""Mean radius of the Earth."""


def metres(one: GeoLocation, other: GeoLocation) -> int | None:
    """Along the great circle; None: a coordinate is no number, or none on Earth."""
    places = [_read(one), _read(other)]
    if None in places:
        return None
    (lat, lon), (to_lat, to_lon) = (place for place in places if place is not None)
    half = sin((to_lat - lat) / 2) ** 2 + cos(lat) * cos(to_lat) * sin((to_lon - lon) / 2) ** 2
    return round(2 * _EARTH_M * asin(sqrt(min(1.0, half))))


def _read(place: GeoLocation) -> tuple[float, float] | None:
    """Latitude and longitude in radians."""
    try:
        latitude, longitude = float(place.latitude), float(place.longitude)
    except ValueError:
        return None
    known = isfinite(latitude) and isfinite(longitude) and abs(latitude) <= 90 and abs(longitude) <= 180
    return (radians(latitude), radians(longitude)) if known else None

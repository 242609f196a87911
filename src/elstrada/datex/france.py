"""France and its territories as the register sees them: communes, countries, zones, boxes.

Sources: INSEE code officiel géographique (commune codes), ISO 3166-1, the IANA zone database.
"""

from __future__ import annotations

import msgspec


class Territory(msgspec.Struct, frozen=True):
    """A part of France with a country code and a time zone of its own."""

    insee: str
    """Start of its communes' INSEE codes; empty: all that no other territory has."""
    country: str
    """ISO 3166-1 alpha-3."""
    time_zone: str
    west: float
    south: float
    east: float
    north: float
    """A box around it, in degrees, a little too large."""

    def holds(self, longitude: float, latitude: float) -> bool:
        return self.west <= longitude <= self.east and self.south <= latitude <= self.north


METROPOLE = Territory("", "FRA", "Europe/Paris", -5.3, 41.2, 9.8, 51.2)

TERRITORIES = (
    METROPOLE,
    Territory("971", "GLP", "America/Guadeloupe", -61.9, 15.7, -60.9, 16.6),
    Territory("972", "MTQ", "America/Martinique", -61.3, 14.3, -60.7, 15.0),
    Territory("973", "GUF", "America/Cayenne", -54.7, 2.0, -51.5, 5.9),
    Territory("974", "REU", "Indian/Reunion", 55.1, -21.5, 55.9, -20.8),
    Territory("975", "SPM", "America/Miquelon", -56.5, 46.7, -56.0, 47.2),
    Territory("976", "MYT", "Indian/Mayotte", 44.9, -13.1, 45.4, -12.5),
    Territory("977", "BLM", "America/St_Barthelemy", -63.0, 17.8, -62.7, 18.0),
    Territory("978", "MAF", "America/Marigot", -63.2, 18.0, -62.9, 18.2),
    Territory("986", "WLF", "Pacific/Wallis", -178.3, -14.4, -176.0, -13.1),
    Territory("987", "PYF", "Pacific/Tahiti", -155.0, -28.0, -134.0, -7.5),
    Territory("988", "NCL", "Pacific/Noumea", 158.0, -23.0, 172.0, -17.5),
    Territory("99138", "MCO", "Europe/Monaco", 7.38, 43.71, 7.45, 43.76),
)

_CITIES_WITH_DISTRICTS = {"751": "Paris", "132": "Marseille", "6938": "Lyon"}
"""Communes whose districts have INSEE codes of their own: start of the code to the city's name."""


def territory_at(longitude: float, latitude: float) -> Territory | None:
    """The territory whose box holds the point; None when it lies in none."""
    # From the last: Monaco's box lies inside that of the métropole, which must not win there.
    return next((each for each in reversed(TERRITORIES) if each.holds(longitude, latitude)), None)


def territory_of(insee: str) -> Territory:
    """The territory of a commune, by its INSEE code."""
    return next((each for each in TERRITORIES if each.insee and insee.startswith(each.insee)), METROPOLE)


def city_of(insee: str) -> str | None:
    """The city a district's INSEE code belongs to, where the code alone tells."""
    return next((city for start, city in _CITIES_WITH_DISTRICTS.items() if insee.startswith(start)), None)

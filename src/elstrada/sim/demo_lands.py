"""Where the demo's sites stand: real streets, in three countries."""

from __future__ import annotations

from typing import NamedTuple


class Town(NamedTuple):
    """Where sites stand."""

    name: str
    postal_code: str
    latitude: float
    longitude: float
    streets: tuple[str, ...]


class Land(NamedTuple):
    """What its sites have in common."""

    country: str
    """ISO 3166-1, three letters."""
    code: str
    """Likewise, two."""
    time_zone: str
    towns: tuple[Town, ...]


SWEDEN = Land(
    "SWE",
    "SE",
    "Europe/Stockholm",
    (
        Town(
            "Stockholm", "111 20", 59.3326, 18.0649, ("Vasagatan", "Sveavägen", "Hornsgatan", "Folkungagatan")
        ),
        Town("Göteborg", "411 06", 57.7089, 11.9746, ("Nils Ericsonsgatan", "Övre Husargatan", "Skånegatan")),
        Town("Malmö", "211 20", 55.6050, 13.0038, ("Bergsgatan", "Regementsgatan", "Exercisgatan")),
        Town("Uppsala", "753 20", 59.8586, 17.6389, ("Kungsgatan", "Dragarbrunnsgatan")),
        Town("Linköping", "582 23", 58.4108, 15.6214, ("Storgatan", "Järnvägsgatan")),
        Town("Örebro", "702 11", 59.2753, 15.2134, ("Östra Bangatan", "Trädgårdsgatan")),
        Town("Umeå", "903 26", 63.8258, 20.2630, ("Västra Esplanaden", "Skolgatan")),
        Town("Sundsvall", "852 30", 62.3908, 17.3069, ("Landsvägsallén",)),
        Town("Jönköping", "553 16", 57.7826, 14.1618, ("Barnarpsgatan",)),
        Town("Luleå", "972 31", 65.5848, 22.1547, ("Smedjegatan",)),
        Town("Östersund", "831 30", 63.1792, 14.6357, ("Rådhusgatan",)),
    ),
)
ITALY = Land(
    "ITA",
    "IT",
    "Europe/Rome",
    (
        Town("Milano", "20124", 45.4842, 9.2041, ("Via Vittor Pisani", "Viale Monza", "Via Mecenate")),
        Town("Torino", "10128", 45.0625, 7.6785, ("Corso Re Umberto", "Via Nizza", "Corso Francia")),
        Town("Bologna", "40121", 44.5058, 11.3426, ("Via dell'Indipendenza", "Via Stalingrado")),
        Town("Firenze", "50123", 43.7764, 11.2480, ("Via Pistoiese", "Viale Francesco Redi")),
        Town("Roma", "00185", 41.9010, 12.5013, ("Via Tiburtina", "Via Cristoforo Colombo", "Via Ostiense")),
        Town("Verona", "37122", 45.4290, 10.9820, ("Corso Milano",)),
        Town("Padova", "35131", 45.4177, 11.8806, ("Via Venezia",)),
        Town("Bolzano", "39100", 46.4969, 11.3581, ("Via Galileo Galilei",)),
        Town("Napoli", "80142", 40.8528, 14.2724, ("Via Nuova Marina",)),
        Town("Bari", "70122", 41.1180, 16.8697, ("Via Amendola",)),
    ),
)
NETHERLANDS = Land(
    "NLD",
    "NL",
    "Europe/Amsterdam",
    (
        Town("Amsterdam", "1012 JS", 52.3728, 4.8936, ("Rokin", "Wibautstraat")),
        Town("Rotterdam", "3011 AD", 51.9225, 4.4792, ("Coolsingel",)),
        Town("Utrecht", "3511 LX", 52.0907, 5.1214, ("Croeselaan",)),
    ),
)

"""What servers and load of the OCPI comparison agree on: whose things there are, and how they look on the wire."""

from __future__ import annotations

import json
from typing import Any

OWN, PEER = ("SE", "ELS"), ("SE", "RET")
"""The server's party, and the caller's."""
TOKEN = "speed-" + "t" * 32
"""What the caller shows."""
LOCATIONS, EVSES = 500, 3
CARDS = 100
BEGUN = "2026-02-03T12:00:00Z"
_TEXT = "Follow the blue signs; the chargers stand behind the library, level two."


def location(number: int, party: tuple[str, str], last_updated: str = BEGUN) -> dict[str, Any]:
    """A location of three EVSEs with two connectors each, as OCPI 2.2.1 writes it."""
    return {
        "country_code": party[0],
        "party_id": party[1],
        "id": f"L{number:06}",
        "publish": True,
        "name": f"Norra torget {number}",
        "address": f"Norra torget {number}",
        "city": "Umeå",
        "postal_code": "90325",
        "country": "SWE",
        "coordinates": {"latitude": f"63.{number:06}", "longitude": "20.263035"},
        "parking_type": "PARKING_GARAGE",
        "evses": [_evse(number, at, last_updated) for at in range(1, EVSES + 1)],
        "directions": [{"language": "en", "text": _TEXT}, {"language": "sv", "text": _TEXT}],
        "operator": {"name": "Norra Laddnätet", "website": "https://els.example"},
        "facilities": ["CAFE", "PARKING_LOT"],
        "time_zone": "Europe/Stockholm",
        "opening_times": {"twentyfourseven": True},
        "last_updated": last_updated,
    }


def _evse(number: int, at: int, last_updated: str) -> dict[str, Any]:
    return {
        "uid": f"E{number:06}-{at}",
        "evse_id": f"SE*ELS*E{number:06}*{at}",
        "status": "AVAILABLE",
        "capabilities": ["REMOTE_START_STOP_CAPABLE", "RFID_READER", "RESERVABLE"],
        "connectors": [
            _connector("1", "IEC_62196_T2_COMBO", "CABLE", "DC", 920, 200, last_updated),
            _connector("2", "IEC_62196_T2", "SOCKET", "AC_3_PHASE", 400, 32, last_updated),
        ],
        "floor_level": "2",
        "physical_reference": f"{number % 1000}-{at}",
        "last_updated": last_updated,
    }


def _connector(*told: Any) -> dict[str, Any]:
    names = ("id", "standard", "format", "power_type", "max_voltage", "max_amperage", "last_updated")
    return {**dict(zip(names, told, strict=True)), "tariff_ids": ["T-NIGHT", "T-DAY"]}


def card(number: int) -> dict[str, Any]:
    return {
        "country_code": OWN[0],
        "party_id": OWN[1],
        "uid": f"04A1B2C3{number:06}",
        "type": "RFID",
        "contract_id": f"SE-ELS-C{number:08}-X",
        "visual_number": f"SE-ELS-{number:06}",
        "issuer": "Norra Laddnätet",
        "valid": True,
        "whitelist": "ALLOWED",
        "last_updated": BEGUN,
    }


def objects(locations: int = LOCATIONS) -> str:
    """What the server has of its own, as JSON."""
    return json.dumps(
        {
            "locations": [location(number, OWN) for number in range(locations)],
            "tokens": [card(number) for number in range(CARDS)],
        }
    )

"""A CPO and an eMSP that meet over real HTTP, set up with the command line alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from installation import Installation, Json, wait_for

ZONE = "Africa/Algiers"
"""Swedish winter time all year: in a repeated hour nobody could tell which of the two a price means."""
CONTRACT, CUSTOMER, PLAN, SUPPLY = "SERETC00000017", "K-1017", "ROAM", "735999000000000013"
STATION_16, STATION_201, STATION_21 = "ALPHA-16", "BRAVO-201", "CHARLIE-21"
CARD, ASKING_CARD, LOST_CARD = "04A1B2C3D4E5F6", "04FFEEDDCCBBAA", "04DEADBEEF0102"
"""May be trusted; must be asked for every time; is blocked."""
ODD = ("V03", "V04", "V05", "V09", "V10", "V11", "V12", "V28", "V32", "V45", "V46", "V49")
"""Checks of CDRs that these sessions break."""


@dataclass
class Market:
    """Both sides; the same installation twice where one process is both."""

    cpo: Installation
    emsp: Installation
    evening: datetime
    """When the dearer price of the tariff began: on a whole minute, at least 20 minutes ago."""
    passwords: dict[str, str] = field(default_factory=dict)


def open_market(cpo: Installation, emsp: Installation) -> Market:
    """Enter all records, and let the two register with each other."""
    now = datetime.now(UTC)
    market = Market(cpo, emsp, now.replace(second=0, microsecond=0) - timedelta(minutes=20))
    cpo.told("tariff", "put", "-", stdin=json.dumps(tariff(market.evening)))
    cpo.told("location", "put", "-", stdin=json.dumps(location(now)))
    for station, evse in ((STATION_16, "E16"), (STATION_201, "E201"), (STATION_21, "E21")):
        added = cpo.told("station", "add", station, "--place", f"1=HARBOUR/{evse}")
        market.passwords[station] = added["password"]
    emsp.told("customer", "put", CUSTOMER, "--name", "Customer 1017")
    emsp.told(
        *("plan", "put", PLAN, "--name", "Roaming", "--mode", "COST_PLUS", "--price-per-kwh", "0.10"),
        *("--price-per-session", "1", "--markup-percent", "10"),
    )
    emsp.told(
        *("contract", "put", CONTRACT, "--customer", CUSTOMER, "--plan", PLAN),
        *("--supply-point", SUPPLY, "--valid-from", "2024-01-01"),
    )
    emsp.told("token", "add", CARD, "--contract", CONTRACT)
    emsp.told("token", "add", ASKING_CARD, "--contract", CONTRACT, "--whitelist", "NEVER")
    emsp.told("token", "add", LOST_CARD, "--contract", CONTRACT, "--blocked")
    invitation = emsp.told("partner", "add", "elstrada-laddning", "--party", "SE*RET")
    cpo.told(
        *("partner", "handshake", "retail-el", "--url", invitation["versions_url"]),
        *("--token", invitation["token"], "--party", "SE*ELS"),
    )
    wait_for(
        lambda: len(cpo.told("token", "list", "--party", "SE*ELS")) == 3, "the CPO's copies of the tokens"
    )
    wait_for(lambda: catalogue(emsp), "the eMSP's copy of the location")
    let_be_odd(emsp, "elstrada-laddning")
    return market


def let_be_odd(emsp: Installation, partner: str) -> None:
    """Agree that a finding that sessions of these tests bring about by their nature holds no CDR."""
    severities = [word for check in ODD for word in ("--severity", f"{check}=W")]
    emsp.told("agreement", "check", partner, *severities, "--party", "SE*RET")


def catalogue(emsp: Installation) -> Json | None:
    """The eMSP's copy of the location, as it is now."""
    query = "select document from location where owner = 'SE*RET' and location_id = 'HARBOUR'"
    return next((json.loads(row["document"]) for row in emsp.rows(query)), None)


def tariff(evening: datetime) -> Json:
    """3.00 SEK a kWh, 4.50 in the evening, and 5.00 to begin with; before VAT of 25 %."""
    begins = evening.astimezone(ZoneInfo(ZONE))
    window = {"start_time": f"{begins:%H:%M}", "end_time": f"{begins + timedelta(hours=6):%H:%M}"}
    evening_price = {"type": "ENERGY", "price": 4.50, "vat": 25, "step_size": 1}
    day_price = {"type": "ENERGY", "price": 3.00, "vat": 25, "step_size": 1}
    to_begin = {"type": "FLAT", "price": 5.00, "vat": 25, "step_size": 1}
    elements = [
        {"price_components": [evening_price], "restrictions": window},
        {"price_components": [day_price, to_begin]},
    ]
    # Valid before any session of these tests began.
    return {
        "id": "DAY-AND-EVENING",
        "currency": "SEK",
        "elements": elements,
        "last_updated": "2024-01-01T00:00:00Z",
    }


def location(now: datetime, name: str = "HARBOUR", uids: Sequence[str] = ("E16", "E201", "E21")) -> Json:
    """A place with an EVSE of each uid."""
    connector = {
        "id": "1",
        "standard": "IEC_62196_T2",
        "format": "SOCKET",
        "power_type": "AC_3_PHASE",
        "max_voltage": 230,
        "max_amperage": 32,
        "tariff_ids": ["DAY-AND-EVENING"],
        "last_updated": f"{now:%Y-%m-%dT%H:%M:%SZ}",
    }
    evses = [
        {
            "uid": uid,
            "evse_id": f"SE*ELS*{uid}",
            "status": "UNKNOWN",
            "connectors": [connector],
            "last_updated": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        }
        for uid in uids
    ]
    return {
        "id": name,
        "publish": True,
        "name": "Norra hamnen",
        "address": "Skeppsbron 1",
        "city": "Luleå",
        "country": "SWE",
        "coordinates": {"latitude": "65.584816", "longitude": "22.156704"},
        "evses": evses,
        "time_zone": ZONE,
    }

"""Which day it is at a retailer."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from elstrada.billing.checks.countries import ALPHA_3
from elstrada.model.ids import PartyId
from elstrada.tariffs.usage import ZONE_OF_COUNTRY


def today(party: PartyId, now: datetime) -> date:
    """The day where the party is; that of UTC in a country of several zones."""
    zone = ZONE_OF_COUNTRY.get(ALPHA_3.get(party.country_code, ""))
    return (now.astimezone(ZoneInfo(zone)) if zone else now).date()

"""The zone a CDR is priced in (rule 17): by the location, else the CDR, else a country of one zone."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from elstrada.model.cdr import Cdr, CdrLocation
from elstrada.model.cost import Price
from elstrada.model.ids import PartyId
from elstrada.model.location import GeoLocation
from elstrada.model.session import ChargingPeriod, PeriodDimension
from elstrada.model.tariff import Tariff
from elstrada.model.token import AuthMethod
from elstrada.tariffs.choose import choose
from elstrada.tariffs.refusals import UnknownZone
from elstrada.tariffs.usage import ZONE_OF_COUNTRY, usage_of

START = datetime(2026, 3, 2, 12, tzinfo=UTC)


def cdr(country: str, time_zone: str | None) -> Cdr:
    place = CdrLocation(
        id="L",
        address="",
        city="",
        country=country,
        coordinates=GeoLocation("0", "0"),
        evse_uid="E",
        evse_id="E",
        connector_id="1",
        connector_standard="IEC_62196_T2",
        connector_format="SOCKET",
        connector_power_type="AC_3_PHASE",
    )
    return Cdr(
        party=PartyId("SE", "ELS"),
        id="c",
        start_date_time=START,
        end_date_time=START,
        token_ref="",
        token_party=None,
        auth_method=AuthMethod.WHITELIST,
        cdr_location=place,
        time_zone=time_zone,
        currency="EUR",
        charging_periods=(ChargingPeriod(START, (PeriodDimension("ENERGY", Decimal(1)),)),),
        total_cost=Price(Decimal(0)),
        total_energy=Decimal(1),
        total_time=Decimal(0),
        last_updated=START,
    )


def test_the_location_wins_over_the_cdr_and_that_over_the_country() -> None:
    assert usage_of(cdr("ESP", "Europe/Madrid"), time_zone="Atlantic/Canary").time_zone == "Atlantic/Canary"
    assert usage_of(cdr("ESP", "Europe/Madrid")).time_zone == "Europe/Madrid"
    assert usage_of(cdr("SWE", None)).time_zone == "Europe/Stockholm"


def test_a_country_of_several_zones_is_never_silently_utc() -> None:
    with pytest.raises(UnknownZone, match="ESP does not settle it"):
        usage_of(cdr("ESP", None))


@pytest.mark.parametrize("zone", ZONE_OF_COUNTRY.values())
def test_every_zone_named_exists(zone: str) -> None:
    assert ZoneInfo(zone).key == zone


def test_profiles_are_for_those_who_chose_them_and_ad_hoc_for_strangers() -> None:
    # A17.
    def tariff(kind: str | None) -> Tariff:
        return Tariff(
            party=PartyId("SE", "ELS"),
            id=str(kind),
            currency="SEK",
            type=kind,
            elements=(),
            last_updated=START,
        )

    every = [tariff(kind) for kind in ("PROFILE_CHEAP", "AD_HOC_PAYMENT", "REGULAR", None)]
    assert choose(every, at=START, ad_hoc=False).id == "REGULAR"
    assert choose(every, at=START, ad_hoc=True).id == "AD_HOC_PAYMENT"
    assert choose(every[:2], at=START, ad_hoc=False).id == "PROFILE_CHEAP"
    assert choose(every[1:2], at=START, ad_hoc=False).id == "AD_HOC_PAYMENT"

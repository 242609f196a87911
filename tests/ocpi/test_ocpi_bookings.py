"""Bookings on the wire: what 1.1 says, what 1.0 said, and what versions without bookings are not told."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from ocpi_fixtures import TARIFF

from elstrada.model.booking import Booking, BookingState, Period
from elstrada.model.party import PeerEndpoint
from elstrada.model.session import ChargingPeriod, PeriodDimension
from elstrada.model.tariff import Tariff
from elstrada.ocpi.body import Mismatch, encode, parse, shape
from elstrada.ocpi.language import Bookings
from elstrada.ocpi.limits import validate
from elstrada.ocpi.registration import endpoint_url
from elstrada.ocpi.versions import LANGUAGES
from elstrada.tariffs.price import price
from elstrada.tariffs.usage import Usage

REQUEST: dict[str, Any] = {
    "country_code": "SE",
    "party_id": "RET",
    "request_id": "R-1",
    "booking_option": {"evse_uid": "E1"},
    "location_id": "L1",
    "booking_location_id": "BL1",
    "tokens": [
        {
            "country_code": "SE",
            "party_id": "RET",
            "uid": "04A1B2C3D4E5F6",
            "type": "RFID",
            "contract_id": "SERETC00000017",
        }
    ],
    "access_information": [{"method": "LICENSE_PLATE", "value": "ABC123"}],
    "period": {"start_date_time": "2026-02-03T14:00:00Z", "end_date_time": "2026-02-03T15:00:00Z"},
    "authorization_reference": "ref-1",
    "power_required": 50,
}
BOOKING: dict[str, Any] = {
    "id": "B-1",
    "country_code": "SE",
    "party_id": "ELS",
    "request_id": "R-1",
    "booking_option": {"evse_uid": "E1"},
    "location_id": "L1",
    "booking_tokens": REQUEST["tokens"],
    "tariff_ids": ["T1"],
    "period": {**REQUEST["period"], "max_power": 150000},
    "reservation_status": "RESERVED",
    "access_information": REQUEST["access_information"],
    "authorization_reference": "ref-1",
    "booking_terms": {
        "supported_access_methods": ["OPEN"],
        "change_until_minutes": 30,
        "cancel_until_minutes": 0,
    },
    "booking_requests": [
        {
            "request_status": "ACCEPTED",
            "booking_request": REQUEST,
            "request_received": "2026-02-03T12:00:00Z",
        }
    ],
    "last_updated": "2026-02-03T12:00:00Z",
}


def words() -> Bookings:
    found = LANGUAGES["2.3.0"].bookings
    assert found is not None
    return found


def read(document: dict[str, Any]) -> Booking:
    noun = words().booking
    return noun.read(shape(document, noun.wire)).value


def test_a_booking_goes_there_and_back_unharmed() -> None:
    noun = words().booking
    wire = shape(BOOKING, noun.wire)
    assert validate(wire) == ()
    assert parse(encode(noun.write(noun.read(wire).value).value)) == BOOKING


def test_names_of_edition_1_0_are_read_as_those_of_1_1() -> None:
    former = copy.deepcopy(BOOKING)
    former["evse_uid"] = former.pop("booking_option")["evse_uid"]
    former["access_methods"] = former.pop("access_information")
    former["tariff_id"] = former.pop("tariff_ids")
    former["period"] = {
        "start_from": "2026-02-03T14:00:00Z",
        "end_from": "2026-02-03T15:00:00Z",
        "max_power": 150000,
    }
    assert read(former) == read(BOOKING)


def test_a_calendar_of_1_0_is_read() -> None:
    noun = words().calendar
    document = {
        "id": "C",
        "begin_from": "2026-02-03T00:00:00Z",
        "end_before": "2026-02-04T00:00:00Z",
        "step_size": 15,
        "available_timeslots": [{"start_from": "2026-02-03T08:00:00Z", "end_before": "2026-02-03T09:00:00Z"}],
        "last_updated": "2026-02-03T00:00:00Z",
    }
    calendar = noun.read(shape(document, noun.wire)).value
    assert calendar.timeslot_increment == 15
    assert calendar.available_timeslots[0].period == Period(
        calendar.begin_from.replace(hour=8), calendar.begin_from.replace(hour=9)
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"reservation_status": "RESERVE"}, "none of PENDING, RESERVED"),
        ({"party_id": "INF12"}, "not a party id"),
        ({"period": {**REQUEST["period"], "end_date_time": "2026-02-03T14:00:00Z"}}, "not after the start"),
        ({"period": None}, "required field `period`"),
    ],
)
def test_a_booking_that_means_nothing_is_refused_with_the_place(change: dict[str, Any], says: str) -> None:
    with pytest.raises(Mismatch, match=says):
        read(BOOKING | change)


def test_a_reason_to_cancel_that_is_none_of_the_standards_is_unknown() -> None:
    told = read(BOOKING | {"canceled": {"cancellation_reason": "RAIN", "who_canceled": "EMSP"}})
    assert told.canceled is not None
    assert told.canceled.reason == "UNKNOWN"
    assert told.state is BookingState.RESERVED


def test_only_2_3_0_speaks_of_bookings() -> None:
    assert {version for version, spoken in LANGUAGES.items() if spoken.bookings} == {"2.3.0"}


def test_the_identifier_is_read_in_any_case_and_as_the_text_calls_it() -> None:
    for told in ("bookings", "Bookings", "Booking", "BOOKING"):
        offered = [PeerEndpoint(told, "SENDER", "https://x/b")]
        assert endpoint_url(offered, "bookings", "SENDER") == "https://x/b"


# --- prices -----------------------------------------------------------------------------------------------


def tariff(*kinds: str) -> Tariff:
    """One with prices of bookings in front."""
    elements = [
        {
            "price_components": [{"type": "FLAT", "price": 20, "step_size": 1}],
            "restrictions": {"booking": kind},
        }
        for kind in kinds
    ]
    document = TARIFF | {"elements": [*elements, TARIFF["elements"][1]], "tax_included": "NO"}
    noun = LANGUAGES["2.3.0"].tariff
    wire = shape(document, noun.wire)
    assert validate(wire) == ()
    read = noun.read(wire).value
    assert parse(encode(noun.write(read).value)) == parse(encode(wire)), "kept"
    return read


ALL = ("BOOKING", "BOOKING_EXPIRES", "BOOKING_CANCELLATION_FEES", "BOOKING_OVERTIME")


@pytest.mark.parametrize("version", ["2.1.1", "2.2.1"])
def test_prices_of_bookings_are_not_told_to_whom_they_would_be_prices_of_sessions(version: str) -> None:
    written = LANGUAGES[version].tariff.write(tariff(*ALL))
    assert len(written.value.elements) == 1  # type: ignore[attr-defined]
    assert b"BOOKING" not in encode(written.value)
    only = msgspec.structs.replace(tariff(*ALL), elements=tariff(*ALL).elements[:4])
    assert LANGUAGES[version].tariff.write(only).misleads


def usage(*, booked: bool) -> Usage:
    start = datetime(2026, 2, 3, 12, tzinfo=UTC)
    return Usage(
        start=start,
        end=start.replace(hour=13),
        time_zone="Europe/Stockholm",
        currency="SEK",
        periods=(ChargingPeriod(start, (PeriodDimension("ENERGY", Decimal(10)),)),),
        booked=booked,
    )


def test_a_session_without_a_booking_pays_nothing_for_one() -> None:
    assert price(usage(booked=False), [tariff(*ALL)]).total == price(usage(booked=False), [tariff()]).total


def test_a_session_that_fulfils_a_booking_pays_the_booking_besides() -> None:
    alone = price(usage(booked=True), [tariff()])
    assert alone == price(usage(booked=False), [tariff()])
    both = price(usage(booked=True), [tariff(*ALL)])
    assert both.total.before_taxes == alone.total.before_taxes + 20
    assert both.reservation is not None
    assert both.reservation.before_taxes == 20

"""OCPI 2.1.1 and the model: what goes out and comes back is the same, or said to be lost, field by field."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ocpi_fixtures import but
from v211_fixtures import (
    CDR,
    CDRS,
    CONNECTOR,
    ELS,
    EVSE,
    IDENTITY,
    LOCATION,
    LOCATIONS,
    RET,
    SESSION,
    SESSIONS,
    TARIFF,
    TARIFFS,
    TOKEN,
    TOKENS,
    Document,
)

from elstrada.model import cdr as m_cdr
from elstrada.model import location as m_location
from elstrada.model import session as m_session
from elstrada.model import tariff as m_tariff
from elstrada.model import token as m_token
from elstrada.model.cost import Price, TaxAmount
from elstrada.model.location import EvseStatus
from elstrada.model.token import AuthMethod
from elstrada.ocpi.body import Mismatch, encode, parse, shape
from elstrada.ocpi.findings import Loss, Translated
from elstrada.ocpi.limits import validate
from elstrada.ocpi.v211 import cdrs, locations, sessions, tariffs, tokens, translate
from elstrada.ocpi.versions import LANGUAGES

V211 = LANGUAGES["2.1.1"]


def _wire(document: Document, kind: Any) -> Any:
    return shape(parse(msgspec.json.encode(document)), kind)


def _plain(value: Any) -> Any:
    return parse(encode(value))


HERE = translate.location_from_wire(_wire(LOCATION, locations.Location), ELS).value

# --- laws -------------------------------------------------------------------------------------------


def _untold(before: Any, after: Any, losses: Iterable[Loss], pointer: str = "") -> list[str]:
    """Where two objects differ without a loss that says so. A list that lost entries is told by any of them."""
    told = [loss.pointer for loss in losses]
    if before == after or pointer in told:
        return []
    if isinstance(before, msgspec.Struct) and type(before) is type(after):
        return [
            where
            for name in before.__struct_fields__
            for where in _untold(getattr(before, name), getattr(after, name), losses, f"{pointer}/{name}")
        ]
    if isinstance(before, tuple) and isinstance(after, tuple) and len(before) == len(after):
        return [
            where
            for index, pair in enumerate(zip(before, after, strict=True))
            for where in _untold(*pair, losses, f"{pointer}/{index}")
        ]
    return [] if any(one.startswith(f"{pointer}/") for one in told) else [pointer]


@given(LOCATIONS)
def test_a_location_comes_back_or_is_said_to_be_lost(location: m_location.Location):
    written = translate.location_to_wire(location)
    back = translate.location_from_wire(written.value, ELS).value
    assert _untold(location, back, written.losses) == []
    assert written.misleads is not location.publish


@given(TARIFFS)
def test_a_tariff_comes_back_or_is_said_to_be_lost(tariff: m_tariff.Tariff):
    written = translate.tariff_to_wire(tariff)
    back = translate.tariff_from_wire(written.value, ELS).value
    assert _untold(tariff, back, written.losses) == []


@given(TARIFFS)
def test_r66_a_tariff_that_does_not_mislead_asks_the_same_prices(tariff: m_tariff.Tariff):
    """But for prices of reservations, which 2.1.1 knows none of, and VAT, which it adds to none."""
    written = translate.tariff_to_wire(tariff)
    if written.misleads:
        return
    asked = [
        ([(part.type, part.price, part.step_size) for part in element.price_components], element.restrictions)
        for element in tariff.elements
        if element.restrictions is None or element.restrictions.reservation is None
    ]
    back = translate.tariff_from_wire(written.value, ELS).value
    told = [
        ([(part.type, part.price, part.step_size) for part in element.price_components], element.restrictions)
        for element in back.elements
    ]
    assert told == asked
    assert tariff.min_price is tariff.max_price is None
    assert tariff.tax_included is not m_tariff.TaxIncluded.YES


@given(TOKENS)
def test_a_token_comes_back_or_is_said_to_be_lost(token: m_token.Token):
    written = translate.token_to_wire(token)
    back = translate.token_from_wire(written.value, RET).value
    assert _untold(token, back, written.losses) == []


@given(SESSIONS)
def test_a_session_comes_back_or_is_said_to_be_lost(session: m_session.Session):
    written = translate.session_to_wire(session, IDENTITY, HERE)
    back, identity = translate.session_from_wire(written.value, str, ELS, IDENTITY)
    assert identity == IDENTITY
    assert _untold(session, back.value, written.losses) == []
    assert not written.misleads


@given(CDRS)
def test_a_cdr_comes_back_or_is_said_to_be_lost(cdr: m_cdr.Cdr):
    written = translate.cdr_to_wire(cdr, IDENTITY, HERE)
    back, _ = translate.cdr_from_wire(written.value, str, ELS, IDENTITY)
    assert _untold(cdr, back.value, written.losses) == []
    assert back.value.total_cost.after_taxes is None, "no tax is told, which is not no tax"
    assert written.value.charging_periods, "a CDR has at least one"


@given(LOCATIONS)
def test_a_location_written_and_read_is_written_the_same(location: m_location.Location):
    """Wire, model, wire: what reading loses, it says."""
    wire = translate.location_to_wire(location).value
    read = translate.location_from_wire(wire, ELS)
    again = translate.location_to_wire(read.value).value
    assert _untold(wire, again, read.losses) == []


@given(CDRS)
def test_a_cdr_written_and_read_is_written_the_same(cdr: m_cdr.Cdr):
    wire = translate.cdr_to_wire(cdr, IDENTITY, HERE).value
    back, _ = translate.cdr_from_wire(wire, str, ELS, IDENTITY)
    again = translate.cdr_to_wire(back.value, IDENTITY, HERE).value
    if not wire.location.evses:
        return  # Told by its own law: the connector is not there to come back.
    assert _untold(wire, again, ()) == []


_DEMANDED = frozenset(
    {"id", "uid", "address", "city", "country", "coordinates", "currency", "elements", "last_updated"}
    | {"start_date_time", "stop_date_time", "start_datetime", "kwh", "auth_id", "auth_method", "location"}
    | {"status", "charging_periods", "total_cost", "total_energy", "total_time", "type", "issuer", "valid"}
    | {"whitelist"}
)
_HELD: dict[str, Any] = {"session": translate.session_from_wire, "cdr": translate.cdr_from_wire}
_BARE = {
    "location": (LOCATION, {"type", "postal_code", "time_zone"}),
    "tariff": (TARIFF, set[str]()),
    "token": (TOKEN, set[str]()),
    "session": (SESSION, {"total_cost", "charging_periods"}),
    "cdr": (CDR, set[str]()),
}


@pytest.mark.parametrize("name", _BARE)
@given(st.data())
def test_whatever_a_peer_leaves_out_comes_back_or_is_said_to_be_lost(name: str, data: st.DataObject):
    """Wire, model, wire, with any of what may be left out left out."""
    document, also = _BARE[name]
    free = sorted(document.keys() - _DEMANDED | (also & document.keys()))
    gone = data.draw(st.sets(st.sampled_from(free)))
    noun = getattr(V211, name)
    wire = _wire(but(document, **dict.fromkeys(gone)), noun.wire)
    if name in _HELD:
        held, identity = _HELD[name](wire, str, ELS, IDENTITY)
        again, losses = noun.write(held.value, identity, HERE).value, held.losses
    else:
        found = noun.read(wire, ELS)
        again, losses = noun.write(found.value).value, found.losses
    assert _untold(wire, again, losses) == []


# --- fixtures ---------------------------------------------------------------------------------------

NOUNS: list[tuple[str, Document]] = [("location", LOCATION), ("tariff", TARIFF), ("token", TOKEN)]
HELD: list[tuple[str, Document]] = [("session", SESSION), ("cdr", CDR)]


@pytest.mark.parametrize(("name", "document"), NOUNS)
def test_an_object_of_2_1_1_goes_through_the_model_unharmed(name: str, document: Document):
    noun = getattr(V211, name)
    wire = _wire(document, noun.wire)
    assert validate(wire) == ()
    read = noun.read(wire, ELS)
    written = noun.write(read.value)
    assert (read.losses, written.losses) == ((), ())
    assert _plain(written.value) == parse(msgspec.json.encode(document))


@pytest.mark.parametrize(("name", "document"), HELD)
def test_what_names_a_contract_goes_through_the_model_unharmed(name: str, document: Document):
    noun = getattr(V211, name)
    wire = _wire(document, noun.wire)
    assert validate(wire) == ()
    assert noun.contract(wire) == "SERETC00000017"
    written = noun.write(*noun.read(wire, str, ELS, IDENTITY), HERE)
    assert [loss.pointer for loss in written.losses] == ["/token_ref"]
    assert _plain(written.value) == parse(msgspec.json.encode(document))


# --- what 2.1.1 cannot say --------------------------------------------------------------------------


def _losses(written: Translated[Any]) -> dict[str, bool]:
    return {loss.pointer: loss.misleads for loss in written.losses}


def test_r39_a_place_that_is_not_for_everybody_would_be_shown_to_everybody():
    hidden = msgspec.structs.replace(HERE, publish=False)
    assert _losses(translate.location_to_wire(hidden)) == {"/publish": True}


def test_a_connector_without_a_word_is_left_out_and_an_evse_that_has_no_other_with_it():
    [evse] = HERE.evses
    [connector] = evse.connectors
    megawatt = msgspec.structs.replace(connector, id="2", standard="MCS")
    both = msgspec.structs.replace(evse, connectors=(connector, megawatt))
    alone = msgspec.structs.replace(evse, uid="E2", connectors=(megawatt,))
    written = translate.location_to_wire(msgspec.structs.replace(HERE, evses=(both, alone)))
    assert [(evse.uid, [one.id for one in evse.connectors]) for evse in written.value.evses] == [
        ("E1", ["1"])
    ]
    assert not written.misleads
    assert validate(written.value) == ()
    assert {"/evses/0/connectors/1/standard", "/evses/1/connectors"} <= _losses(written).keys()


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"tax_included": m_tariff.TaxIncluded.YES}, "/tax_included"),
        ({"min_price": m_tariff.PriceLimit(Decimal(5))}, "/min_price"),
        ({"end_date_time": datetime(2026, 3, 1, tzinfo=UTC)}, "/end_date_time"),
        ({"type": "AD_HOC_PAYMENT"}, "/type"),
    ],
)
def test_r66_a_tariff_that_would_be_misread_says_so(changes: dict[str, Any], pointer: str):
    tariff = translate.tariff_from_wire(_wire(TARIFF, tariffs.Tariff), ELS).value
    assert _losses(translate.tariff_to_wire(msgspec.structs.replace(tariff, **changes))) == {pointer: True}


def test_the_vat_of_a_price_is_lost_and_the_price_before_it_stays():
    tariff = translate.tariff_from_wire(_wire(TARIFF, tariffs.Tariff), ELS).value
    [component] = tariff.elements[0].price_components
    taxed = m_tariff.TariffElement((msgspec.structs.replace(component, vat=Decimal(25)),))
    written = translate.tariff_to_wire(msgspec.structs.replace(tariff, elements=(taxed,)))
    assert written.value.elements[0].price_components[0].price == Decimal("5.2")
    assert _losses(written) == {"/elements/0/price_components/0/vat": False}


def _cdr(**changes: Any) -> m_cdr.Cdr:
    read, _ = translate.cdr_from_wire(_wire(CDR, cdrs.Cdr), str, ELS, IDENTITY)
    return msgspec.structs.replace(read.value, **changes)


def test_r42_a_credit_says_in_its_remark_what_it_credits():
    credit = _cdr(id="C1-CR", credit=True, credit_reference_id="C1", total_cost=Price(Decimal(-131)))
    written = translate.cdr_to_wire(credit, IDENTITY, HERE)
    assert (written.value.total_cost, written.value.remark) == (Decimal(-131), "Credit of CDR C1")
    assert {"/credit", "/credit_reference_id", "/remark", "/total_cost/taxes"} <= _losses(written).keys()


def test_r65_money_is_rounded_to_four_decimals_and_said_to_be():
    price = Price(Decimal("10.00005"), (TaxAmount("VAT", Decimal("2.5")),))
    written = translate.cdr_to_wire(_cdr(total_cost=price), IDENTITY, HERE)
    assert written.value.total_cost == Decimal("10.0000")
    assert {"/total_cost/taxes", "/total_cost/before_taxes"} <= _losses(written).keys()


def test_a_cdr_at_a_connector_that_is_no_longer_there_tells_no_voltage():
    written = translate.cdr_to_wire(_cdr(), IDENTITY, None)
    [connector] = written.value.location.evses[0].connectors
    assert (connector.voltage, connector.amperage) == (0, 0)
    assert "/cdr_location/connector_id" in _losses(written)


def test_a_session_whose_place_is_not_known_misleads():
    session, _ = translate.session_from_wire(_wire(SESSION, sessions.Session), str, ELS, IDENTITY)
    assert translate.session_to_wire(session.value, IDENTITY, None).misleads


# --- what peers leave out ---------------------------------------------------------------------------


def test_a_location_without_its_zone_has_that_of_its_country():
    read = translate.location_from_wire(_wire(but(LOCATION, time_zone=None), locations.Location), ELS)
    assert read.value.time_zone == "Europe/Stockholm"
    assert [loss.pointer for loss in read.losses] == ["/time_zone"]
    far = translate.location_from_wire(
        _wire(but(LOCATION, time_zone=None, country="USA"), locations.Location), ELS
    )
    assert far.value.time_zone == "UTC"


def test_a_cdr_without_evses_is_read_for_its_money():
    bare = but(CDR, location=but(CDR["location"], evses=None))
    wire = _wire(bare, cdrs.Cdr)
    assert [finding.pointer for finding in validate(wire)] == ["/location/evses"]
    read, _ = translate.cdr_from_wire(wire, str, ELS, IDENTITY)
    assert read.value.total_cost == Price(Decimal(131), None)
    assert "/location/evses" in [loss.pointer for loss in read.losses]


def test_a_cdr_that_calls_its_end_by_the_later_name_is_read_and_one_without_is_not():
    bare = but(CDR, stop_date_time=None)
    wire = _wire(bare | {"end_date_time": CDR["stop_date_time"]}, cdrs.Cdr)
    assert [finding.pointer for finding in validate(wire)] == ["/stop_date_time"]
    read, _ = translate.cdr_from_wire(wire, str, ELS, IDENTITY)
    assert read.value.end_date_time == datetime(2026, 2, 3, 11, tzinfo=UTC)
    assert _plain(translate.cdr_to_wire(read.value, IDENTITY, HERE).value)["stop_date_time"] == (
        "2026-02-03T11:00:00Z"
    )
    with pytest.raises(Mismatch, match="stop_date_time"):
        translate.cdr_from_wire(_wire(bare, cdrs.Cdr), str, ELS, IDENTITY)


def test_a_price_written_as_text_is_read():
    """A sample of the standard does so."""
    element = {"price_components": [{"type": "TIME", "price": "2.00", "step_size": 300}]}
    tariff = translate.tariff_from_wire(_wire(but(TARIFF, elements=[element]), tariffs.Tariff), ELS).value
    assert tariff.elements[0].price_components[0].price == Decimal("2.00")


@pytest.mark.parametrize("name", ["power_type", "voltage", "amperage"])
def test_a_connector_that_does_not_say_what_it_carries_is_none(name: str):
    bare = but(LOCATION, evses=[but(EVSE, connectors=[but(CONNECTOR, **{name: None})])])
    with pytest.raises(Mismatch, match=name):
        translate.location_from_wire(_wire(bare, locations.Location), ELS)


def test_a_status_that_nobody_knows_is_unknown_and_found():
    strange = _wire(but(LOCATION, evses=[but(EVSE, status="ON_FIRE")]), locations.Location)
    assert [finding.pointer for finding in validate(strange)] == ["/evses/0/status"]
    assert translate.location_from_wire(strange, ELS).value.evses[0].status is EvseStatus.UNKNOWN


@pytest.mark.parametrize(
    ("document", "kind", "pointer"),
    [
        (but(LOCATION, type=None), locations.Location, "/type"),
        (but(LOCATION, address="x" * 46), locations.Location, "/address"),
        (but(LOCATION, facilities=["METRO_STATION"]), locations.Location, "/facilities/0"),
        (but(TOKEN, type="APP_USER"), tokens.Token, "/type"),
        (but(CDR, auth_method="COMMAND"), cdrs.Cdr, "/auth_method"),
        (but(CDR, id="x" * 37), cdrs.Cdr, "/id"),
        (but(CDR, stop_date_time="2020-01-01T00:00:00Z"), cdrs.Cdr, "/stop_date_time"),
        (but(SESSION, status="RESERVATION"), sessions.Session, "/status"),
        (but(SESSION, location=but(LOCATION, evses=[EVSE, EVSE])), sessions.Session, "/location/evses"),
    ],
)
def test_what_strays_is_read_and_found(document: Document, kind: type, pointer: str):
    assert pointer in [finding.pointer for finding in validate(_wire(document, kind))]


def test_a_later_method_of_authorization_is_read():
    read, _ = translate.cdr_from_wire(_wire(but(CDR, auth_method="COMMAND"), cdrs.Cdr), str, ELS, IDENTITY)
    assert read.value.auth_method is AuthMethod.COMMAND


@pytest.mark.parametrize("patch", [{"auth_id": "ANOTHER"}, {"location": LOCATION, "auth_id": "ANOTHER"}])
def test_a_patch_does_not_give_a_session_to_another_driver(patch: Document):
    session, identity = V211.session.read(_wire(SESSION, sessions.Session), str, ELS, IDENTITY)
    with pytest.raises(Mismatch, match="auth_id"):
        V211.session.patched(session, identity, patch, str, V211.appended, ELS)


def test_a_patch_replaces_the_periods_of_a_session():
    """Only from 2.2 on are they added to those known (R-37)."""
    session, identity = V211.session.read(_wire(SESSION, sessions.Session), str, ELS, IDENTITY)
    period = {"start_date_time": "2026-02-03T10:10:00Z", "dimensions": [{"type": "TIME", "volume": 1}]}
    patched, _ = V211.session.patched(
        session, identity, {"charging_periods": [period]}, str, V211.appended, ELS
    )
    assert [entry.dimensions[0].type for entry in patched.charging_periods] == ["TIME"]
    assert (patched.location_id, patched.evse_uid, patched.connector_id) == ("L1", "E1", "1")

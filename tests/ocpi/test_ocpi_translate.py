"""To and from the model: what goes in comes out, or is reported lost."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ocpi_fixtures import CDR, LOCATION, SESSION, TARIFF, TOKEN, Document, but

from elstrada.model.cost import Price, TaxAmount
from elstrada.model.ids import PartyId
from elstrada.model.location import EvseStatus
from elstrada.model.session import SessionStatus
from elstrada.model.tariff import TaxIncluded
from elstrada.ocpi.body import Mismatch, encode, parse, shape
from elstrada.ocpi.limits import validate
from elstrada.ocpi.v221 import cdrs, common, locations, sessions, tariffs, tokens, translate

REF = "r" * 26


def ref_of(uid: str) -> str:
    return REF


def _wire(document: Document, kind: type):
    return shape(parse(json.dumps(document).encode()), kind)


def _same(wire: msgspec.Struct, document: Document) -> bool:
    return parse(encode(wire)) == parse(json.dumps(document).encode())


def test_a_location_goes_through_the_model_unharmed():
    model = translate.location_from_wire(_wire(LOCATION, locations.Location)).value
    written = translate.location_to_wire(model)
    assert written.losses == ()
    assert _same(written.value, LOCATION)


def test_a_tariff_goes_through_the_model_unharmed():
    model = translate.tariff_from_wire(_wire(TARIFF, tariffs.Tariff)).value
    assert model.elements[0].price_components[0].price == Decimal("5.2")
    assert _same(translate.tariff_to_wire(model).value, TARIFF)


def test_a_token_goes_through_the_model_unharmed():
    model = translate.token_from_wire(_wire(TOKEN, tokens.Token)).value
    assert model.party == PartyId("SE", "RET")
    assert _same(translate.token_to_wire(model).value, TOKEN)


def test_a_session_goes_through_the_model_with_its_token_beside_it():
    translated, identity = translate.session_from_wire(_wire(SESSION, sessions.Session), ref_of)
    assert translated.value.token_ref == REF
    assert SESSION["cdr_token"]["uid"] not in encode(translated.value).decode()
    assert _same(translate.session_to_wire(translated.value, identity).value, SESSION)


def test_a_cdr_goes_through_the_model_with_its_token_beside_it():
    translated, identity = translate.cdr_from_wire(_wire(CDR, cdrs.Cdr), ref_of)
    assert translated.value.total_cost.after_taxes == Decimal("163.75")
    assert _same(translate.cdr_to_wire(translated.value, identity).value, CDR)


def test_r42_a_credit_cdr_keeps_its_sign_and_its_reference():
    credit = but(CDR, id="C1-CR", credit=True, credit_reference_id="C1", total_cost={"excl_vat": -131.00})
    translated, identity = translate.cdr_from_wire(_wire(credit, cdrs.Cdr), ref_of)
    assert translated.value.total_cost == Price(Decimal("-131.0"), None)
    assert _same(translate.cdr_to_wire(translated.value, identity).value, credit)


def test_what_came_with_2_3_0_is_reported_lost():
    model = translate.location_from_wire(_wire(LOCATION, locations.Location)).value
    richer = msgspec.structs.replace(model, help_phone="+4690100")
    losses = translate.location_to_wire(richer).losses
    assert [loss.pointer for loss in losses] == ["/help_phone"]


def test_r66_a_tariff_with_tax_included_misleads_and_is_not_repriced():
    model = translate.tariff_from_wire(_wire(TARIFF, tariffs.Tariff)).value
    assert model.tax_included is TaxIncluded.NO
    written = translate.tariff_to_wire(msgspec.structs.replace(model, tax_included=TaxIncluded.YES))
    assert written.misleads
    assert written.value.elements[0].price_components[0].price == Decimal("5.2")


def test_an_unknown_tax_is_not_no_tax():
    assert translate.price_from_wire(common.Price(Decimal(8))).after_taxes is None
    assert translate.price_from_wire(common.Price(Decimal(8), Decimal(8))).taxes == ()


_money = st.decimals(min_value=-10000, max_value=10000, places=4)


@given(_money, st.lists(_money, max_size=3))
def test_taxes_add_up_over_the_wire(before: Decimal, taxes: list[Decimal]):
    price = Price(before, tuple(TaxAmount(f"T{n}", amount) for n, amount in enumerate(taxes)))
    read = translate.price_from_wire(translate.price_to_wire(price))
    assert (read.before_taxes, read.after_taxes) == (price.before_taxes, price.after_taxes)


def test_an_unknown_status_is_unknown_and_reported():
    strange = but(LOCATION, evses=[but(LOCATION["evses"][0], status="ON_FIRE")])
    translated = translate.location_from_wire(_wire(strange, locations.Location))
    assert translated.value.evses[0].status is EvseStatus.UNKNOWN
    assert translated.losses[0].pointer == "/evses/0/status"


def test_the_proses_name_of_a_reservation_is_understood():
    translated, _ = translate.session_from_wire(
        _wire(but(SESSION, status="RESERVED"), sessions.Session), ref_of
    )
    assert translated.value.status is SessionStatus.RESERVATION


@pytest.mark.parametrize(
    ("document", "kind", "read"),
    [
        (but(TOKEN, whitelist="MAYBE"), tokens.Token, translate.token_from_wire),
        (but(TOKEN, party_id="TOOLONG"), tokens.Token, translate.token_from_wire),
        (but(TOKEN, country_code="ＳＥ"), tokens.Token, translate.token_from_wire),
        (but(LOCATION, country_code="1!"), locations.Location, translate.location_from_wire),
        (
            but(TARIFF, elements=[{"price_components": [{"type": "AIR", "price": 1, "step_size": 1}]}]),
            tariffs.Tariff,
            translate.tariff_from_wire,
        ),
    ],
)
def test_a_value_without_meaning_is_a_mismatch(document: Document, kind: type, read):
    with pytest.raises(Mismatch):
        read(_wire(document, kind))


def test_what_we_write_is_conformant():
    """Strict write: every fixture, through the model and back, has no finding."""
    for document, kind in ((LOCATION, locations.Location), (TARIFF, tariffs.Tariff), (TOKEN, tokens.Token)):
        assert validate(_wire(document, kind)) == ()
    assert validate(_wire(SESSION, sessions.Session)) == ()
    assert validate(_wire(CDR, cdrs.Cdr)) == ()


def test_a_cdr_location_is_cut_to_what_the_standard_allows():
    translated, identity = translate.cdr_from_wire(_wire(CDR, cdrs.Cdr), ref_of)
    place = msgspec.structs.replace(translated.value.cdr_location, address="x" * 60, state="y" * 30)
    written = translate.cdr_to_wire(msgspec.structs.replace(translated.value, cdr_location=place), identity)
    assert validate(written.value) == ()
    assert {loss.pointer for loss in written.losses} == {"/cdr_location/address", "/cdr_location/state"}


@pytest.mark.parametrize(
    ("document", "kind", "pointer"),
    [
        (but(LOCATION, id="x" * 37), locations.Location, "/id"),
        (
            but(LOCATION, evses=[but(LOCATION["evses"][0], connectors=[])]),
            locations.Location,
            "/evses/0/connectors",
        ),
        (but(LOCATION, publish_allowed_to=[{"uid": "1"}]), locations.Location, "/publish_allowed_to"),
        (but(LOCATION, city="a\tb"), locations.Location, "/city"),
        (but(TOKEN, whitelist="MAYBE"), tokens.Token, "/whitelist"),
        (but(CDR, credit=True), cdrs.Cdr, "/credit_reference_id"),
        (but(CDR, end_date_time="2020-01-01T00:00:00Z"), cdrs.Cdr, "/end_date_time"),
        (but(CDR, charging_periods=[]), cdrs.Cdr, "/charging_periods"),
        (but(TARIFF, type="CHEAP"), tariffs.Tariff, "/type"),
    ],
)
def test_what_strays_is_read_and_found(document: Document, kind: type, pointer: str):
    assert pointer in [finding.pointer for finding in validate(_wire(document, kind))]


def test_times_of_microseconds_are_written_within_25_characters():
    model = translate.token_from_wire(_wire(TOKEN, tokens.Token)).value
    fine = msgspec.structs.replace(model, last_updated=datetime(2026, 1, 1, 1, 2, 3, 999999, tzinfo=UTC))
    assert parse(encode(translate.token_to_wire(fine).value))["last_updated"] == "2026-01-01T01:02:03.999Z"

"""One model, every version: what goes out and comes back is the same, or said to be lost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from ocpi_fixtures import CDR, EVSE, LOCATION, SESSION, TARIFF, TOKEN, Document, but

from elstrada.model.cost import Price
from elstrada.model.tariff import TaxIncluded
from elstrada.ocpi.body import encode, parse, shape
from elstrada.ocpi.language import Language
from elstrada.ocpi.limits import validate
from elstrada.ocpi.versions import LANGUAGES, TABLES

V221, V230 = LANGUAGES["2.2.1"], LANGUAGES["2.3.0"]

PRICE = {"before_taxes": 131.00, "taxes": [{"name": "VAT", "percentage": 25, "amount": 32.75}]}
TARIFF_230 = but(
    TARIFF,
    min_price={"before_taxes": 1, "after_taxes": 1.25},
    max_price={"before_taxes": 100},
    tax_included="N/A",
)
LOCATION_230 = but(
    LOCATION,
    evses=[
        but(
            EVSE,
            connectors=[but(EVSE["connectors"][0], capabilities=["ISO_15118_20_PLUG_AND_CHARGE"])],
            parking=[{"parking_id": "P1", "evse_position": "LEFT"}],
            accepted_service_providers=["Retailer"],
        )
    ],
    parking_places=[
        {
            "id": "P1",
            "vehicle_types": ["VAN", "SOMETHING_NEW"],
            "max_vehicle_height": 210.5,
            "restricted_to_type": False,
            "reservation_required": True,
            "lighting": True,
            "standards": ["PAS 1899"],
        }
    ],
    help_phone="+4690100",
)


def _costs(document: Document) -> Document:
    return {
        name: PRICE if name.endswith("_cost") else value
        for name, value in document.items()
        if value is not None
    }


NOUNS: list[tuple[str, Document]] = [
    ("location", LOCATION_230),
    ("tariff", TARIFF_230),
    ("token", but(TOKEN, type="EMAID")),
]
HELD: list[tuple[str, Document]] = [
    ("session", _costs(SESSION)),
    ("cdr", but(_costs(CDR), tariffs=[TARIFF_230])),
]


def _same(wire: msgspec.Struct, document: Document) -> bool:
    return parse(encode(wire)) == parse(msgspec.json.encode(document))


def _shaped(noun: Any, document: Document) -> msgspec.Struct:
    return shape(parse(msgspec.json.encode(document)), noun.wire)


@pytest.mark.parametrize(("name", "document"), NOUNS)
def test_an_object_of_2_3_0_goes_through_the_model_unharmed(name: str, document: Document):
    noun = getattr(V230, name)
    wire = _shaped(noun, document)
    assert validate(wire) == ()
    written = noun.write(noun.read(wire).value)
    assert written.losses == ()
    assert _same(written.value, document)


@pytest.mark.parametrize(("name", "document"), HELD)
def test_what_names_a_token_goes_through_the_model_unharmed(name: str, document: Document):
    noun = getattr(V230, name)
    wire = _shaped(noun, document)
    assert validate(wire) == ()
    written = noun.write(*noun.read(wire, str))
    assert written.losses == ()
    assert _same(written.value, document)


def test_a_location_of_2_3_0_loses_in_2_2_1_what_it_says_it_loses():
    location = V230.location.read(_shaped(V230.location, LOCATION_230)).value
    written = V221.location.write(location)
    assert {loss.pointer for loss in written.losses} == {
        "/parking_places",
        "/help_phone",
        "/evses/0/parking",
        "/evses/0/accepted_service_providers",
        "/evses/0/connectors/0/capabilities",
    }
    assert _same(written.value, LOCATION)


def test_r66_a_tariff_of_2_2_1_is_one_without_tax_in_2_3_0():
    tariff = V221.tariff.read(_shaped(V221.tariff, TARIFF)).value
    assert parse(encode(V230.tariff.write(tariff).value))["tax_included"] == "NO"


def test_a_tariff_that_does_not_say_whether_tax_is_included_is_read_without_and_found():
    """A sample of the standard does so: the tariff of cdr_example."""
    wire = _shaped(V230.tariff, TARIFF)
    assert V230.tariff.read(wire).value.tax_included is TaxIncluded.NO
    assert [finding.pointer for finding in validate(wire)] == ["/tax_included"]


def test_a_tax_that_is_not_known_is_said_to_be_lost_in_2_3_0():
    session, identity = V221.session.read(
        _shaped(V221.session, but(SESSION, total_cost={"excl_vat": 8})), str
    )
    assert session.total_cost == Price(Decimal(8), None)
    written = V230.session.write(session, identity)
    assert [loss.pointer for loss in written.losses] == ["/total_cost/taxes"]


@pytest.mark.parametrize("words", LANGUAGES.values(), ids=LANGUAGES)
def test_the_table_of_a_version_has_the_objects_of_its_language(words: Language):
    data = {endpoint.name: endpoint.data for endpoint in TABLES[words.version]}
    spoken = {
        "list_locations": words.location,
        "put_evse": words.evse,
        "put_connector": words.connector,
        "list_tariffs": words.tariff,
        "list_tokens": words.token,
        "list_sessions": words.session,
        "list_cdrs": words.cdr,
    }
    assert {name: data[name] for name in spoken} == {name: noun.wire for name, noun in spoken.items()}

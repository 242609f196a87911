"""The standard's own examples, where a copy of github.com/ocpi/ocpi is at hand: set OCPI_TEXTS to its git directory.

Their licence keeps them out of this repository; ``test_ocpi_versions`` covers the same with objects of our own.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from elstrada.model.ids import PartyId
from elstrada.model.token import TokenIdentity
from elstrada.ocpi.body import Json, Mismatch, Object, encode, parse, shape
from elstrada.ocpi.envelope import open_envelope
from elstrada.ocpi.language import Held, Language, Noun
from elstrada.ocpi.limits import validate
from elstrada.ocpi.patch import patch_time
from elstrada.ocpi.v211 import credentials as credentials_211
from elstrada.ocpi.v211.common import EnergyMix as EnergyMix211
from elstrada.ocpi.v211.locations import Hours as Hours211
from elstrada.ocpi.v211.translate import cdr_from_wire, session_from_wire
from elstrada.ocpi.v221 import credentials as credentials_221
from elstrada.ocpi.v221.common import DisplayText, EnergyMix
from elstrada.ocpi.v221.locations import Hours
from elstrada.ocpi.v221.versions import Version, VersionDetails
from elstrada.ocpi.v230 import credentials as credentials_230
from elstrada.ocpi.versions import LANGUAGES

TEXTS = os.environ.get("OCPI_TEXTS")
PAYMENTS = "2.3.0 payments"
BRANCHES = {
    "2.2.1": "release-2.2.1-bugfixes",
    "2.3.0": "2.3.0/release/core",
    PAYMENTS: "2.3.0/release/payments",
}
"""By version, and by what extends one."""
CREDENTIALS = {"2.2.1": credentials_221.Credentials, "2.3.0": credentials_230.Credentials}
UNDATED = {"payment_terminal_location_assignment"}
"""Errata: a PATCH without its date; only where it assigns a terminal, ours gives it that of its arrival."""

BOOKINGS = "2.3.0/release/bookings"
BOOKING_ERRATA = {
    "booking_example": "not a party id: 'NL' 'INF12'",
    "booking_location_example": "second must be in 0..59",
    "booking_location_patch_example_calendar": "required field `start_date_time`",
    "booking_request_patch_example_timeslot": "there is no PATCH of a request, and none of its fields is so called",
    "booking_request_patch_example_tokens": "there is no PATCH of a request",
}
"""Errata: a party of five characters; a minute of a hundred seconds; blanks in names; an interface that 1.1 has not."""

BRANCH_211 = "release-2.1.1-bugfixes"
"""Whose examples stand in the text itself."""
_BLOCK = re.compile(r"^(#{2,6}[^\n]*)$|^```json\n(.*?)^```", re.MULTILINE | re.DOTALL)

FRAGMENTS: dict[str, Any] = {
    "location_hours_": Hours,
    "type_displaytext_": DisplayText,
    "version_details_": VersionDetails,
    "versions_info_": list[Version],
}
PARTS: dict[str, Any] = {"energy_mix": EnergyMix, "opening_times": Hours}
"""Examples of one field of an object, by its name."""
ENVELOPED = {
    "transport_and_format_get_token_example": "token",
    "transport_and_format_get_token_list_example": "token",
    "transport_and_format_version_details_example": VersionDetails,
    "transport_and_format_version_info_example": list[Version],
}
MISFITS = {
    "tariff_put_example": "required field `last_updated`",
    "location_put_example_add_evse": "required field `power_type`",
}
UNNAMED = {
    "payment_terminal_create_minimal": "required field `last_updated`",
    "payment_terminal_put_update": "required field `terminal_id`",
}
"""Errata: terminals that lack what the standard demands. The one is dated by its arrival, the other named by its path."""
"""Errata: examples that lack what the standard demands. They are refused, with the field's name."""
STRAYS = {
    ("2.3.0", "cdr_example"): {"/tariffs/0/tax_included"},
    ("2.3.0", "payment_financial_advice_confirmation_create"): {"/total_costs/before_taxes"},
    ("2.3.0", "payment_financial_advice_confirmation_example_success"): {"/total_costs/before_taxes"},
    ("2.3.0", "payment_financial_advice_confirmation_example_failure"): {
        "/total_costs/before_taxes",
        "/eft_data",
    },
}
"""Errata: examples that break a rule of the standard and are read all the same."""


def _git(*args: str) -> str:
    assert TEXTS is not None
    done = subprocess.run(
        ["git", "--git-dir", TEXTS, *args],
        capture_output=True,
        check=True,
        text=True,
    )
    return done.stdout


def _examples() -> Iterator[tuple[str, str]]:
    if TEXTS is None or not Path(TEXTS).is_dir():
        return
    for version, branch in BRANCHES.items():
        for path in _git("ls-tree", "-r", "--name-only", branch, "examples").split():
            yield version, Path(path).stem


needs_texts = pytest.mark.skipif(TEXTS is None, reason="OCPI_TEXTS names no copy of the standard's texts")


def _blocks() -> Iterator[tuple[str, str]]:
    """The examples of 2.1.1: ``chapter/number``, and the text of each."""
    if TEXTS is None or not Path(TEXTS).is_dir():
        return
    for path in _git("ls-tree", "--name-only", BRANCH_211).split():
        if path.endswith(".md"):
            found = (block[2] for block in _BLOCK.finditer(_git("show", f"{BRANCH_211}:{path}")) if block[2])
            for number, text in enumerate(found):
                yield f"{Path(path).stem}/{number}", text


def _document(version: str, name: str) -> Json:
    return parse(_git("show", f"{BRANCHES[version]}:examples/{name}.json").encode())


def _kind(words: Language, name: str) -> Noun[Any] | Held[Any] | None:
    if name == "location_put_example_add_evse":
        return words.evse
    nouns: dict[str, Noun[Any] | Held[Any]] = {
        "location_": words.location,
        "tariff": words.tariff,
        "token_": words.token,
        "session_": words.session,
        "cdr_": words.cdr,
    }
    if words.terminal is not None and words.advice is not None:
        nouns |= {"payment_terminal_": words.terminal, "payment_financial_advice_": words.advice}
    return next((noun for start, noun in nouns.items() if name.startswith(start)), None)


@needs_texts
@pytest.mark.parametrize(("version", "name"), list(_examples()) if TEXTS else [("", "")])
def test_a_published_example_goes_through_us_unharmed(version: str, name: str) -> None:
    document = _document(version, name)
    version = version.removesuffix(" payments")
    words = LANGUAGES[version]
    fragment = next((kind for start, kind in FRAGMENTS.items() if name.startswith(start)), None)
    if name in MISFITS:
        kind = _kind(words, name)
        assert kind is not None
        with pytest.raises(Mismatch, match=MISFITS[name]):
            shape(document, kind.wire)
    elif name in ENVELOPED:
        assert isinstance(document, dict)
        data, kind = document["data"], ENVELOPED[name]
        items = data if isinstance(data, list) and kind == "token" else [data]
        for item in items:
            _through(words.token, version, name, item) if kind == "token" else _same(item, kind)
    elif name.startswith("credentials_"):
        _same(document, CREDENTIALS[version])
    elif fragment is not None:
        _same(document, fragment)
    elif isinstance(document, dict) and len(document) == 1 and (part := next(iter(document))) in PARTS:
        _same(document[part], PARTS[part])
    elif name in UNNAMED:
        _unnamed(words, name, document)
    elif name in UNDATED:
        assert isinstance(document, dict)
        assert "last_updated" not in document
        _fits(words, name, document)
    elif "_patch_" in name:
        assert isinstance(document, dict)
        assert patch_time(document)
        _fits(words, name, document)
    else:
        noun = _kind(words, name)
        assert noun is not None, f"{name}: an example of a kind that the test does not know"
        _through(noun, version, name, document)


def _booking_examples() -> list[str]:
    if TEXTS is None or not Path(TEXTS).is_dir():
        return [""]
    paths = _git("ls-tree", "-r", "--name-only", BOOKINGS, "examples").split()
    return [Path(path).stem for path in paths if Path(path).stem.startswith("booking")]


def _booking_document(name: str) -> Object:
    document = parse(_git("show", f"{BOOKINGS}:examples/{name}.json").encode())
    assert isinstance(document, dict)
    return document


@needs_texts
@pytest.mark.parametrize("name", _booking_examples())
def test_a_published_example_of_bookings_goes_through_us_or_is_refused_with_the_reason(name: str) -> None:
    words = LANGUAGES["2.3.0"].bookings
    assert words is not None
    document = _booking_document(name)
    if name.startswith("booking_request_patch_"):
        assert name in BOOKING_ERRATA, "no interface takes it"
    elif "_patch_" not in name:
        noun = words.location if name.startswith("booking_location") else words.booking
        with pytest.raises(Mismatch, match=BOOKING_ERRATA[name]):
            noun.read(shape(document, noun.wire))
        # Mended in that alone it goes through.
        text = (
            encode(document).decode().replace(":99Z", ":59Z").replace("INF12", "INF").replace("INFOO", "INF")
        )
        mended = parse(text.encode())
        wire = shape(mended, noun.wire)
        strays = {finding.pointer for finding in validate(wire)}
        lacking = {f"/booking_requests/{index}/booking_request/booking_location_id" for index in (0, 1)}
        assert strays == (set() if noun is words.location else lacking)
        written = noun.write(noun.read(wire).value)
        assert written.losses == ()
        assert _plain(written.value) == words.renewed(mended)
    else:
        noun = (
            words.calendar if "calendar" in name else words.location if "location" in name else words.booking
        )
        assert patch_time(document)
        known = {field.encode_name: field.type for field in msgspec.structs.fields(noun.wire)}
        for field, value in {**words.renewed(document)}.items():  # type: ignore[misc]
            assert field in known, f"{field} is no field of {noun.wire.__name__}"
            if name in BOOKING_ERRATA and field == "available_timeslots":
                with pytest.raises(Mismatch, match=BOOKING_ERRATA[name]):
                    shape(value, known[field])
            else:
                assert _plain(shape(value, known[field])) == value


OWNER, IDENTITY = (
    PartyId("NL", "TNM"),
    TokenIdentity(PartyId("NL", "TNM"), "012345678", "RFID", "DE8ACC12E46L89"),
)
PATCHES_211 = {
    "mod_locations/0": "evse",
    "mod_locations/1": "location",
    "mod_locations/2": "connector",
    "mod_locations/4": "evse",
    "mod_sessions/0": "session",
    "mod_tariffs/1": "tariff",
    "mod_tokens/1": "token",
}
MISFITS_211 = {
    "mod_locations/3": ("evse", "required field `last_updated`"),
    "mod_tariffs/0": ("tariff", "required field `last_updated`"),
}
"""Errata: they are refused, with the field's name."""
OBJECTS_211 = {
    "mod_cdrs/0": "cdr",
    "mod_locations/5": "location",
    "mod_sessions/1": "session",
    "mod_sessions/2": "session",
    "mod_tariffs/2": "tariff",
    "mod_tariffs/3": "tariff",
    "mod_tariffs/4": "tariff",
    "mod_tariffs/5": "tariff",
    "mod_tariffs/6": "tariff",
    "mod_tokens/0": "token",
    "mod_tokens/2": "token",
}
LOST_211 = {
    "mod_locations/5": {"/time_zone"},
    "mod_cdrs/0": {
        *("/location/type", "/location/last_updated", "/location/evses/0/status"),
        *("/location/evses/0/last_updated", "/location/evses/0/connectors/0/voltage"),
        *("/location/evses/0/connectors/0/amperage", "/location/evses/0/connectors/0/tariff_id"),
        "/location/evses/0/connectors/0/last_updated",
    },
    "mod_sessions/1": {"/location"},
    "mod_sessions/2": {"/location"},
}
"""What the model does not hold of them, and says so."""


@needs_texts
@pytest.mark.parametrize(("name", "text"), _blocks() if TEXTS else [("", "")])
def test_a_published_example_of_2_1_1_goes_through_us_unharmed(name: str, text: str) -> None:
    words = LANGUAGES["2.1.1"]
    text = re.sub(r"^(?:PUT|PATCH) To URL: .*$", "", text, flags=re.MULTILINE).strip()
    chapter = name.partition("/")[0]
    document = parse((text if text.startswith(("{", "[")) else f"{{{text}}}").encode())
    if name in PATCHES_211:
        noun = getattr(words, PATCHES_211[name])
        assert isinstance(document, dict)
        assert "last_updated" not in document, "as 2.1.1 allows"
        known = {field.encode_name: field.type for field in msgspec.structs.fields(noun.wire)}
        for field, value in document.items():
            assert _plain(shape(value, known[field])) == value
    elif name in MISFITS_211:
        kind, problem = MISFITS_211[name]
        with pytest.raises(Mismatch, match=problem):
            shape(document, getattr(words, kind).wire)
    elif name in OBJECTS_211:
        _through_211(OBJECTS_211[name], name, document)
    elif chapter == "transport_and_format":
        assert open_envelope(text.encode()).status_code in (1000, 2001)
        data = open_envelope(text.encode()).data
        for item in data if isinstance(data, list) else [data] if data else []:
            assert isinstance(item, dict)
            if "auth_id" in item:
                _through_211("token", name, item)
            else:
                _same(item, VersionDetails if "endpoints" in item else Version)
    elif chapter == "version_information_endpoint":
        _same(document, list[Version] if isinstance(document, list) else VersionDetails)
    elif chapter == "credentials":
        _same(document, credentials_211.Credentials)
    else:
        assert isinstance(document, dict)
        [(part, value)] = document.items()
        _same(value, {"energy_mix": EnergyMix211, "opening_times": Hours211}[part])


def _through_211(kind: str, name: str, document: Json) -> None:
    noun = getattr(LANGUAGES["2.1.1"], kind)
    wire = shape(document, noun.wire)
    assert validate(wire) == ()
    if isinstance(noun, Held):
        reader = session_from_wire if kind == "session" else cdr_from_wire
        read: Any = reader(wire, str, OWNER, IDENTITY)[0]  # type: ignore[arg-type]
        # The place is known from its own module.
        place = LANGUAGES["2.1.1"].location.read(wire.location, OWNER).value  # type: ignore[attr-defined]
        again = noun.write(read.value, IDENTITY, place).value
    else:
        read = noun.read(wire, OWNER)
        again = noun.write(read.value).value
    lost = {loss.pointer for loss in read.losses}
    assert lost == LOST_211.get(name, set())
    told, expected = _plain(again), _plain(wire)
    assert _without(told, lost) == _without(expected, lost)


def _without(document: Json, pointers: set[str], at: str = "") -> Json:
    """The document without what is said to be lost."""
    if isinstance(document, dict):
        return {
            key: _without(value, pointers, f"{at}/{key}")
            for key, value in document.items()
            if f"{at}/{key}" not in pointers
        }
    if isinstance(document, list):
        return [_without(item, pointers, f"{at}/{index}") for index, item in enumerate(document)]
    return document


def _through(noun: Noun[Any] | Held[Any], version: str, name: str, document: Json) -> None:
    wire = shape(document, noun.wire)
    assert {finding.pointer for finding in validate(wire)} == STRAYS.get((version, name), set())
    if isinstance(noun, Held):
        written = noun.write(*noun.read(wire, str))
    else:
        written = noun.write(noun.read(wire).value)
    assert written.losses == ()
    told = _plain(written.value)
    if (version, name) in STRAYS:
        assert isinstance(told, dict)
        if name == "cdr_example":
            del told["tariffs"][0]["tax_included"]  # type: ignore[index, union-attr]  What it lacks, we write.
        else:
            document = _with_prices_of_230(document)
    assert told == _without_defaults(document)


def _unnamed(words: Language, name: str, document: Json) -> None:
    """It can be read, is found wanting, and is no terminal before it has what it lacks."""
    assert words.terminal is not None
    wire = shape(document, words.terminal.wire)
    lacks = UNNAMED[name].split("`")[1]
    assert {finding.pointer for finding in validate(wire)} == {f"/{lacks}"}
    with pytest.raises(Mismatch, match=UNNAMED[name]):
        words.terminal.read(wire)
    assert isinstance(document, dict)
    given = {"terminal_id": "T1", "last_updated": "2026-01-01T00:00:00Z"}
    whole = document | {lacks: given[lacks]}
    told = words.terminal.write(words.terminal.read(shape(whole, words.terminal.wire)).value).value
    assert _plain(told) == whole


def _with_prices_of_230(document: Json) -> Json:
    """A sample whose price is one of 2.2.1, as we write it."""
    assert isinstance(document, dict)
    price = document["total_costs"]
    assert isinstance(price, dict)
    before, after = price["excl_vat"], price["incl_vat"]
    assert isinstance(before, Decimal)
    assert isinstance(after, Decimal)
    tax = after - before
    written: Object = {"before_taxes": before}
    if tax:
        written["taxes"] = [{"name": "VAT", "amount": tax}]
    return document | {"total_costs": written}


def _same(document: Json, kind: Any) -> None:
    assert _plain(shape(document, kind)) == _without_defaults(document)


def _fits(words: Language, name: str, patch: Object) -> None:
    """Every field of the patch is one of the object's, as the object has it."""
    noun = words.evse if "status" in patch and name.startswith("location_") else _kind(words, name)
    if name == "location_patch_example_tariff":
        noun = words.connector
    assert noun is not None
    known = {field.encode_name: field.type for field in msgspec.structs.fields(noun.wire)}
    for field, value in patch.items():
        assert field in known, f"{field} is no field of {noun.wire.__name__}"
        assert _plain(shape(value, known[field])) == _without_defaults(value)


def _plain(value: Any) -> Json:
    return parse(encode(value))


def _without_defaults(document: Json) -> Json:
    """The document as we write it: without what means the same when it is left out."""
    if isinstance(document, dict):
        return {
            key: _without_defaults(value)
            for key, value in document.items()
            if (key, value) not in (("charging_when_closed", True), ("credit", False), ("location_ids", []))
        }
    if isinstance(document, list):
        return [_without_defaults(item) for item in document]
    return document

"""JSON bodies: strict grammar, lenient shapes, exact decimals."""

from __future__ import annotations

import contextlib
import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from ocpi_fixtures import LOCATION, TARIFF, but

from elstrada.ocpi.body import MAX_BODY, MAX_DEPTH, BadJson, Mismatch, encode, parse, plain, shape
from elstrada.ocpi.scalars import number
from elstrada.ocpi.v221.locations import Location
from elstrada.ocpi.v221.tariffs import Tariff

HOSTILE = {
    "nothing": b"",
    "half": b'{"a":',
    "trailing": b'{"a":1}x',
    "nan": b'{"a":NaN}',
    "infinity": b'{"a":-Infinity}',
    "not utf-8": b'{"a":"\xff\xfe"}',
    "duplicate": b'{"a":1,"a":2}',
    "nested duplicate": b'{"x":[{"a":1,"a":2}]}',
    "deep lists": b"[" * 5000 + b"]" * 5000,
    "deep objects": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "unclosed depth": b"[" * 100_000,
    "long integer": b'{"a":' + b"9" * 5000 + b"}",
    "long fraction": b'{"a":0.' + b"1" * 5000 + b"}",
    "huge exponent": b'{"a":1e999999999}',
    "huge exponent of decimals": b'{"a":1.0e99999999999999999999}',
    "lone surrogate": b'{"a":"\\ud800"}',
    "lone surrogate key": b'{"\\udfff":1}',
    "nul": b'{"a":"\\u0000"}',
    "raw control": b'{"a":"\x01"}',
    "huge": b'{"a":"' + b"x" * MAX_BODY + b'"}',
    "bom": b"\xef\xbb\xbf{}",
    "quotes without end": b'"' + b'\\"' * 200_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_r20_what_is_no_json_we_accept_is_bad_json_and_nothing_else(name: str):
    with pytest.raises(BadJson):
        parse(HOSTILE[name])


@given(st.binary(max_size=300))
@example(b'{"\\u0000":[]}')
def test_no_bytes_make_the_reader_fail_otherwise(body: bytes):
    with contextlib.suppress(BadJson):
        parse(body)


def test_brackets_inside_text_are_no_depth():
    assert parse(b'{"a":"' + b"[" * 1000 + b'\\""}') == {"a": "[" * 1000 + '"'}


@given(
    st.lists(st.sampled_from([b"[", b"]", b"{", b"}", b'"', b"\\", b"[" * 20, b"a"]), max_size=60).map(
        b"".join
    )
)
@example(b'{"a":' * 13 + b"[{}]" + b"}" * 13)
@example(b"[{" * 13 + b"}]" * 13)
def test_nesting_is_refused_as_if_counted_bracket_by_bracket(body: bytes):
    depth, deepest, is_text, is_escaped = 0, 0, False, False
    for byte in body:
        sign = bytes([byte])
        if is_text:
            is_text, is_escaped = is_escaped or sign != b'"', not is_escaped and sign == b"\\"
        elif sign == b'"':
            is_text = True
        else:
            depth += (sign in b"[{") - (sign in b"]}")
            deepest = max(deepest, depth)
    try:
        parse(body)
        said = ""
    except BadJson as problem:
        said = str(problem)
    assert ("nested deeper" in said) is (deepest > MAX_DEPTH)


def test_depth_up_to_the_limit_is_read():
    assert parse(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)


def test_a_surrogate_pair_is_text():
    assert parse(b'{"a":"\\ud83d\\ude97"}') == {"a": "\U0001f697"}


def test_r65_numbers_keep_their_digits_both_ways():
    document = parse(b'{"price":0.10,"volume":12.3456,"count":3}')
    assert document == {"price": Decimal("0.10"), "volume": Decimal("12.3456"), "count": 3}
    assert encode(document) == b'{"price":0.10,"volume":12.3456,"count":3}'


def test_a_number_where_decimals_are_expected_never_passes_a_float():
    tariff = shape(parse(json.dumps(TARIFF).encode()), Tariff)
    assert tariff.elements[0].price_components[0].price == Decimal("5.2")
    assert type(tariff.elements[0].price_components[0].price) is Decimal


@pytest.mark.parametrize("evses", [[], None, "absent"])
def test_r46_empty_null_and_absent_lists_mean_the_same(evses: object):
    document = LOCATION | {"evses": evses}
    if evses == "absent":
        del document["evses"]
    assert shape(parse(json.dumps(document).encode()), Location).evses == ()


def test_r21_unknown_fields_and_open_enums_are_read():
    strange = but(LOCATION, parking_type="UNDER_WATER", facilities=["SPA"], brand_new={"a": [1]})
    location = shape(parse(json.dumps(strange).encode()), Location)
    assert (location.parking_type, location.facilities) == ("UNDER_WATER", ("SPA",))


def test_a_mismatch_says_where():
    wrong = but(LOCATION, coordinates={"latitude": 1, "longitude": "2"})
    with pytest.raises(Mismatch, match=r"\$\.coordinates\.latitude"):
        shape(parse(json.dumps(wrong).encode()), Location)


def test_a_missing_field_is_named():
    with pytest.raises(Mismatch, match="`address`"):
        shape(parse(json.dumps(but(LOCATION, address=None)).encode()), Location)


def test_a_struct_as_a_document_reads_back_the_same():
    location = shape(parse(json.dumps(LOCATION).encode()), Location)
    assert shape(plain(location), Location) == location
    assert msgspec.json.decode(encode(location)) == json.loads(json.dumps(LOCATION))


@pytest.mark.parametrize("text", ["1E30", "-1E30", "1E20", "9" * 21, "-" + "9" * 21, "1" * 21 + ".5"])
def test_t24_a_number_that_no_money_or_energy_has_is_refused_before_anybody_counts_with_it(text: str):
    """Rounding one of more than 28 digits fails, wherever it is rounded: at a till, in a push, on another's page."""
    with pytest.raises(BadJson, match="more than 20 digits before its point"):
        parse(b'{"price":%s}' % text.encode())


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,12})?(E[+-]?[0-9]{1,2})?", fullmatch=True))
def test_r65_every_number_that_is_read_can_be_written_and_rounded_to_a_cent(text: str):
    try:
        read = parse(text.encode())
    except BadJson:
        return
    value = Decimal(str(read))
    assert abs(number(value) - value) <= Decimal("0.00005")
    assert abs(value.quantize(Decimal("0.0001")) * 1000) < Decimal(10) ** 24

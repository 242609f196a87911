"""What pricing reads of a CDR: the same as the version's own reader sees, and a path where that is not there."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdr_documents import VERSIONS, as_line, cdr, cost, random_cdr, tariff
from elstrada.model.ids import PartyId
from elstrada.model.token import TokenIdentity
from elstrada.ocpi.body import parse, shape
from elstrada.ocpi.rateable import UNTOLD_PARTY, Misread, documents_in, read_cdr, read_tariffs, tariffs_in
from elstrada.ocpi.versions import LANGUAGES

WHO = TokenIdentity(party=PartyId("SE", "RET"), uid="U", type="RFID", contract_id="SERETC00000017")


@pytest.mark.parametrize("version", VERSIONS)
def test_it_reads_what_the_versions_own_reader_reads(version: str) -> None:
    random = Random(1)
    noun = LANGUAGES[version].cdr
    for _ in range(50):
        body = as_line(random_cdr(random, version))
        lean = read_cdr(body)
        whole = noun.read(shape(parse(body), noun.wire), str, UNTOLD_PARTY, WHO)[0]
        assert lean.version == version
        assert (lean.id, lean.start_date_time, lean.end) == (
            whole.id,
            whole.start_date_time,
            whole.end_date_time,
        )
        assert lean.charging_periods == whole.charging_periods
        assert lean.place.country == whole.cdr_location.country
        assert lean.place.time_zone == whole.time_zone
        assert read_tariffs(bytes(lean.tariffs), version) == whole.tariffs


@pytest.mark.parametrize("version", VERSIONS)
def test_its_own_cost_is_read_as_the_version_writes_it(version: str) -> None:
    read = read_cdr(as_line(cdr(version, total_cost=cost(version, "100.5", "25.13"))))
    assert read.version == version
    stated = read.total_cost
    if isinstance(stated, Decimal):
        assert stated == Decimal("100.5")
    else:
        assert stated is not None
        assert (stated.net, stated.gross) == (Decimal("100.5"), Decimal("125.63"))


@pytest.mark.roaming_rule(18)
@pytest.mark.parametrize(
    "written",
    ["2026-03-03T09:00:00", "2026-03-03T11:00:00+02:00", "2026-3-3T09:00:00Z", "2026-03-03 09:00:00.000Z"],
)
def test_a_time_is_the_same_however_it_is_written(written: str) -> None:
    document = cdr(start_date_time=written)
    document["charging_periods"][0]["start_date_time"] = written
    read = read_cdr(as_line(document))
    start = datetime(2026, 3, 3, 9, tzinfo=UTC)
    assert (read.start_date_time, read.charging_periods[0].start_date_time) == (start, start)
    assert read.start_date_time.tzinfo is UTC


@pytest.mark.roaming_rule(46)
def test_null_is_the_same_as_nothing() -> None:
    plain = read_cdr(as_line(cdr()))
    document = cdr(booking_id=None, credit=None, total_time_cost=None, stop_date_time=None)
    document["charging_periods"][1]["tariff_id"] = None
    document["cdr_location"]["country"] = "SWE"
    document["cdr_location"]["time_zone"] = None
    read = read_cdr(as_line(document))
    assert read.charging_periods == plain.charging_periods
    assert read.place == plain.place


def spoilt(path: list[str | int], value: Any) -> bytes:
    document = cdr()
    at: Any = document
    for step in path[:-1]:
        at = at[step]
    if value is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("path", "value", "where", "reason"),
    [
        (["id"], ..., "id", "missing"),
        (["end_date_time"], ..., "end_date_time", "missing"),
        (["currency"], 7, "currency", "Expected `str`"),
        (["charging_periods"], [], "charging_periods", "at least one"),
        (["charging_periods", 2, "dimensions", 0, "volume"], "x", "charging_periods[2].dimensions[0].volume", "decimal"),
        (["charging_periods", 2, "dimensions", 0, "volume"], ..., "charging_periods[2].dimensions[0].volume", "missing"),
        (["charging_periods", 1, "dimensions", 1, "volume"], "NaN", "charging_periods[1].dimensions[1].volume", "NaN"),
        (["charging_periods", 1, "dimensions", 1, "volume"], "1e99", "charging_periods[1].dimensions[1].volume", "1E+99"),
        (["charging_periods", 0, "start_date_time"], "soon", "charging_periods[0].start_date_time", "RFC3339"),
        (
            ["charging_periods", 1, "start_date_time"],
            "2026-03-03T08:00:00Z",
            "charging_periods[1].start_date_time",
            "before that of the period before it",
        ),
        (["end_date_time"], "2026-03-03T09:00:00Z", "end_date_time", "before the last period"),
        (["total_cost"], {"excl_vat": True}, "total_cost.excl_vat", "Expected `decimal"),
        (["cdr_location", "country"], 46, "cdr_location.country", "Expected `str`"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_path(
    path: list[str | int], value: Any, where: str, reason: str
) -> None:
    with pytest.raises(Misread) as refused:
        read_cdr(spoilt(path, value))
    assert refused.value.path == where
    assert reason in refused.value.reason


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (["elements", 1, "price_components", 0, "price"], "NaN", "[0].elements[1].price_components[0].price"),
        (["elements", 1, "price_components", 0, "price"], ..., "[0].elements[1].price_components[0].price"),
        (["elements", 0, "price_components", 1, "type"], "SUN", "[0].elements[0].price_components[1].type"),
        (["last_updated"], "never", "[0].last_updated"),
    ],
)
def test_so_is_what_is_wrong_with_a_tariff(path: list[str | int], value: Any, where: str) -> None:
    body = b"[" + json.dumps(json.loads(spoilt(["tariffs", 0, *path], value))["tariffs"][0]).encode() + b"]"
    with pytest.raises(Misread) as refused:
        read_tariffs(body, "2.2.1")
    assert refused.value.path == where


def test_a_tariff_alone_tells_its_version_by_its_fields() -> None:
    for version in VERSIONS:
        (read,) = tariffs_in(as_line(tariff(version)))
        noun = LANGUAGES[version].tariff
        assert read == noun.read(shape(parse(as_line(tariff(version))), noun.wire), UNTOLD_PARTY).value


def test_an_envelope_and_a_list_are_opened() -> None:
    page = {"data": [{"id": 1}, {"id": 2}], "status_code": 1000, "timestamp": "2026-01-01T00:00:00Z"}
    assert [path for path, _ in documents_in(json.dumps(page).encode())] == ["data[0]", "data[1]"]
    one = {"data": {"id": 1}, "status_code": 1000}
    assert list(documents_in(json.dumps(one).encode())) == [("data", b'{"id": 1}')]
    assert [path for path, _ in documents_in(b"[{},{}]")] == ["[0]", "[1]"]
    assert list(documents_in(b"{")) == [("", b"{")]


@given(st.binary(max_size=200) | st.tuples(st.integers(0, 2_000), st.binary(max_size=4)).map(
    lambda cut: (whole := as_line(cdr()))[: cut[0]] + cut[1] + whole[cut[0] + len(cut[1]) :]
))  # fmt: skip
def test_no_bytes_bring_anything_but_a_misreading(body: bytes) -> None:
    for _, entry in documents_in(body):
        try:
            read_tariffs(bytes(read_cdr(entry).tariffs), "2.2.1")
        except Misread:
            continue


def test_nesting_without_end_is_refused() -> None:
    with pytest.raises(Misread, match="nested deeper"):
        read_cdr(b'{"id":"a","remark":' + b"[" * 100_000)

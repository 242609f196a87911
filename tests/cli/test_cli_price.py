"""`elstrada price`: CDRs in files of every shape and version, priced and compared without an installation."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BufferedReader, BytesIO, RawIOBase
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cdr_documents import VERSIONS, Document, as_line, cdr, cost, random_cdr, tariff
from elstrada.cli import root
from elstrada.cli.documents import documents
from elstrada.cli.exits import Exit
from elstrada.ocpi.body import MAX_PAGE
from elstrada.roles.rerating import Rerating

WORKED = Path(__file__).parent / "worked"
SHARED = Path(__file__).parents[3] / "shared" / "vectors" / "tariffs"
NET, TAX = "131.06", "32.76"
"""Of the usual CDR: 4 x 5.123 kWh at 5.20, three quarters at 6, one parked at 60, and 5; and 25 % of it."""


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No installation, and a configuration that nobody could use."""
    monkeypatch.setenv("ELSTRADA_NO_SUCH_SETTING", "1")
    monkeypatch.chdir(tmp_path)


def price(*arguments: str | Path, stdin: bytes = b"") -> Result:
    result = CliRunner().invoke(root, ["price", *map(str, arguments)], input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def told(*cdrs: Document, more: tuple[str, ...] = ()) -> list[Any]:
    """Priced as lines on standard input."""
    result = price("-", "--json", *more, stdin=b"\n".join(map(as_line, cdrs)))
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_cdr_of_any_version_is_priced_and_compared_with_its_own_cost(version: str) -> None:
    (same,) = told(cdr(version, total_cost=cost(version, NET, TAX)))
    assert (same["ocpi"], same["time_zone"], same["currency"]) == (version, "Europe/Stockholm", "SEK")
    total = same["costs"]["total"]
    assert total["before_taxes"] == NET
    if version == "2.1.1":
        assert (total["after_taxes"], total["taxes"]) == (None, None)
    else:
        assert total["after_taxes"] == "163.82"
        assert total["taxes"] == [{"name": "VAT", "percentage": "25", "amount": TAX}]
    assert {part: one["before_taxes"] for part, one in same["costs"].items()} == {
        "total": NET,
        "fixed": "5.0000",
        "energy": "106.5584",
        "time": "4.5000",
        "parking": "15.0000",
    }
    assert not same["differs"]
    (dear,) = told(cdr(version, total_cost=cost(version, "150", "37.5")))
    assert dear["differs"]
    assert dear["differences"]["total"]["before_taxes"] == "-18.94"


def test_differences_are_told_by_dimension() -> None:
    energy, parking = cost("2.2.1", "106.5584", "26.6396"), cost("2.2.1", "10", "2.5")
    told_costs = cdr(total_cost=cost("2.2.1", NET, TAX), total_energy_cost=energy, total_parking_cost=parking)
    (found,) = told(told_costs)
    assert found["differences"] == {
        "total": {"before_taxes": "0.00", "after_taxes": "0.00"},
        "energy": {"before_taxes": "0.0000", "after_taxes": "0.0000"},
        "parking": {"before_taxes": "5.0000", "after_taxes": "6.2500"},
    }
    assert found["differs"]
    (near,) = told(cdr(total_cost=cost("2.2.1", "131.00", "32.80")), more=("--tolerance", "0.10"))
    assert not near["differs"]


def test_a_credit_cdr_has_the_negative_of_its_total_alone() -> None:
    """A21."""
    (found,) = told(
        cdr(
            credit=True,
            total_cost=cost("2.2.1", f"-{NET}", f"-{TAX}"),
            total_fixed_cost=cost("2.2.1", "5", "1.25"),
        )
    )
    assert not found["differs"]


def test_people_get_the_breakdown_and_one_line_at_the_end(tmp_path: Path) -> None:
    file = tmp_path / "cdrs.ndjson"
    file.write_bytes(
        as_line(cdr(total_cost=cost("2.2.1", NET, TAX))) + b"\n" + as_line(cdr("2.1.1", id="C2"))
    )
    shown = price(file)
    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert lines[0] == "CDR SE*ELS*C1, OCPI 2.2.1, Europe/Stockholm"
    assert "2026-03-03 10:45  0:15:00 parked at 60.00 SEK/h = 15.00 SEK, VAT 25 %" in lines
    assert "The CDR states the same." in lines
    assert "Difference, total: 131.06 SEK before tax, where the CDR states 0: +131.06" in lines
    assert lines[-1] == "2 CDRs priced, 1 differ by more than 0.01, 0 not priced; 262.12 SEK before tax"
    alone = price("-", stdin=as_line(cdr()))
    assert "CDRs priced" not in alone.stdout


def shapes() -> Iterator[Any]:
    two = [cdr(), cdr(id="C2")]
    page = {"data": two, "status_code": 1000, "timestamp": "2026-03-03T12:00:00Z"}
    yield pytest.param("\n".join(map(json.dumps, two)), id="a line each")
    yield pytest.param("\n\n".join(map(json.dumps, two)) + "\n", id="with empty lines")
    yield pytest.param("\ufeff" + "\r\n".join(map(json.dumps, two)), id="as Windows writes them")
    yield pytest.param(json.dumps(two), id="a list")
    yield pytest.param(json.dumps(two, indent=2), id="a list over many lines")
    yield pytest.param("\n".join(json.dumps(one, indent=4) for one in two), id="each over many lines")
    yield pytest.param(json.dumps(page), id="a page")
    yield pytest.param(json.dumps(page, indent=1), id="a page over many lines")
    yield pytest.param("\n".join(json.dumps(page | {"data": one}) for one in two), id="each in an envelope")


@pytest.mark.parametrize("text", list(shapes()))
def test_whatever_shape_the_file_has(text: str) -> None:
    result = price("-", "--json", stdin=text.encode())
    assert (result.exit_code, [json.loads(line)["cdr"] for line in result.stdout.splitlines()]) == (
        0,
        ["SE*ELS*C1", "SE*ELS*C2"],
    )
    summed = json.loads(result.stderr)
    assert (summed["priced"], summed["refused"]) == (2, 0)
    assert summed["sums"] == {"SEK": {"before_taxes": "262.12", "after_taxes": "327.64"}}


def test_what_is_wrong_is_told_with_line_path_and_reason_and_the_rest_goes_on() -> None:
    bad = cdr(id="C2")
    bad["charging_periods"][2]["dimensions"][0]["volume"] = "much"
    tariffless = cdr(id="C3", tariffs=[])
    elsewhere = cdr(id="C4")
    elsewhere["cdr_location"]["country"] = "ESP"
    euros = cdr(id="C5", currency="EUR")
    lines = [
        as_line(cdr()),
        as_line(bad),
        b'{"id": ',
        b"[]",
        as_line(tariffless),
        as_line(elsewhere),
        as_line(euros),
        as_line(cdr()),
    ]
    result = price("-", stdin=b"\n".join(lines))
    assert result.exit_code == Exit.CHECKS
    assert result.stdout.count("CDR SE*ELS*C1") == 2
    assert result.stderr.splitlines() == [
        "Error: <stdin>:2: charging_periods[2].dimensions[0].volume: Invalid decimal string",
        "Error: <stdin>:3: the document is not JSON: Expecting value at character 6",
        "Error: <stdin>:5: no tariff is valid at 2026-03-03T09:00:00+00:00 (looked at: none given)",
        "Error: <stdin>:6: CDR C4: no time zone, and ESP does not settle it; say --tz",
        "Error: <stdin>:7: tariff SE*ELS*T1 is in SEK, the session in EUR; nothing is converted (rule 16)",
    ]
    assert "2 CDRs priced, 2 differ by more than 0.01, 5 not priced" in result.stdout
    in_json = price("-", "--json", stdin=lines[1])
    assert json.loads(in_json.stderr) == {
        "source": "<stdin>",
        "line": 1,
        "path": "charging_periods[2].dimensions[0].volume",
        "reason": "Invalid decimal string",
    }


def test_so_is_what_is_wrong_with_its_tariffs() -> None:
    unread = tariff(elements=[{"price_components": [{"type": "ENERGY", "price": True}]}])
    unused = tariff(elements=[tariff()["elements"][0] | {"restrictions": {"start_time": "noon"}}])
    result = price(
        "-", stdin=as_line(cdr(tariffs=[unread])) + b"\n" + as_line(cdr(tariffs=[tariff(), unused]))
    )
    first, second = result.stderr.splitlines()
    assert first.startswith("Error: <stdin>:1: tariffs[0].elements[0].price_components[0].price: Expected")
    assert second == "Error: <stdin>:2: tariffs[1]: not a time of day: 'noon'; expected HH:MM"


def test_in_a_page_the_path_begins_with_the_page() -> None:
    page = {"data": [cdr(), cdr(end_date_time=None)], "status_code": 1000}
    assert "<stdin>:1: data[1].end_date_time: missing" in price("-", stdin=json.dumps(page).encode()).stderr


def test_an_empty_file_and_a_missing_one_are_said(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"\n")
    empty = price(tmp_path / "empty")
    assert (empty.exit_code, "there is no CDR in it" in empty.stderr) == (Exit.CHECKS, True)
    assert price(tmp_path / "none").exit_code == Exit.USAGE
    assert price().exit_code == Exit.USAGE


def test_the_zone_is_told_or_known_and_never_taken_for_utc() -> None:
    """Rule 17: between six and seven in Stockholm it is not yet day; in Helsinki it is."""
    early = cdr(start=datetime(2026, 3, 3, 5, 30, tzinfo=UTC), wh=(1_000, 1_000))
    (swedish,) = told(early)
    (finnish,) = told(early, more=("--tz", "Europe/Helsinki"))
    assert (swedish["time_zone"], finnish["time_zone"]) == ("Europe/Stockholm", "Europe/Helsinki")
    assert (swedish["costs"]["energy"]["before_taxes"], finnish["costs"]["energy"]["before_taxes"]) == (
        "5.2000",
        "10.4000",
    )
    assert price("-", "--tz", "Europe/Atlantis", stdin=as_line(early)).exit_code == Exit.USAGE


def test_another_tariff_prices_every_period_whatever_that_names(tmp_path: Path) -> None:
    flat = tariff(
        id="T9", elements=[{"price_components": [{"type": "FLAT", "price": 7, "vat": 25, "step_size": 1}]}]
    )
    (tmp_path / "t.json").write_bytes(as_line(flat))
    named = cdr()
    for period in named["charging_periods"]:
        period["tariff_id"] = "T1"
    (found,) = told(named, more=("--tariff", str(tmp_path / "t.json")))
    assert found["costs"]["total"]["before_taxes"] == "7.00"
    (tmp_path / "t.json").write_bytes(as_line(flat | {"elements": [{"price_components": [{"type": "SUN"}]}]}))
    refused = price("-", "--tariff", tmp_path / "t.json", stdin=as_line(named))
    assert (refused.exit_code, refused.stdout) == (Exit.CHECKS, "")
    assert "t.json: elements[0].price_components[0].price: missing" in refused.stderr
    (tmp_path / "t.json").write_bytes(
        as_line(tariff(elements=[tariff()["elements"][0] | {"restrictions": {"start_time": "noon"}}]))
    )
    assert (
        "not a time of day: 'noon'"
        in price("-", "--tariff", tmp_path / "t.json", stdin=as_line(named)).stderr
    )


def test_a_policy_is_set_by_name() -> None:
    (found,) = told(cdr(), more=("--policy", "usual_decimals=4", "--policy", "tax_name=Moms"))
    assert found["costs"]["total"]["before_taxes"] == "131.0584"
    assert found["costs"]["total"]["taxes"][0]["name"] == "Moms"
    for wrong in (
        *("no_such=1", "usual_decimals=many", "usual_decimals=10", "usual_decimals=-1", "decimals={"),
        *('decimals={"SEK": 10}', "limits=some", "cut_spans=perhaps"),
    ):
        assert price("-", "--policy", wrong, stdin=b"{}").exit_code == Exit.USAGE


def test_the_version_can_be_said() -> None:
    """2.1.1 knows no tax, whatever the tariff's components have."""
    (found,) = told(cdr(), more=("--ocpi", "2.1.1"))
    assert found["costs"]["total"]["after_taxes"] is None


def test_worked_prices_are_checked_in_a_table() -> None:
    shown = price("--vectors", WORKED)
    assert shown.exit_code == 0
    assert shown.stdout.splitlines()[-1] == "4 of 4"
    assert (
        "met      steps_of_time_211        expected total_excl 0.33, total_incl unknown, time_excl 0.33; found total_excl 0.33, total_incl unknown"
        in shown.stdout
    )
    assert "(priced in EUR, of which its CDR does not speak)" in shown.stdout


def test_a_worked_price_that_is_not_met_fails(tmp_path: Path) -> None:
    case = json.loads((WORKED / "evening_energy_221.json").read_text())
    case["expected"]["total_incl"] = "6.72"
    (tmp_path / "wrong.json").write_text(json.dumps(case))
    (tmp_path / "broken.json").write_text("{")
    shown = price("--vectors", tmp_path)
    assert shown.exit_code == Exit.CHECKS
    assert shown.stdout.splitlines()[-1] == "0 of 2"
    assert "NOT MET  evening_energy_221  expected total_excl 5.50, total_incl 6.72" in shown.stdout
    (tmp_path / "none").mkdir()
    assert price("--vectors", tmp_path / "none").exit_code == Exit.CHECKS


@pytest.mark.skipif(not SHARED.exists(), reason=f"{SHARED} is absent")
def test_all_shared_worked_prices_are_met() -> None:
    shown = price("--vectors", SHARED)
    count = len(list(SHARED.rglob("*.json")))
    assert shown.stdout.splitlines()[-1] == f"{count} of {count}"
    assert shown.exit_code == 0


class Endless(RawIOBase):
    """So many lines, made as they are read."""

    def __init__(self, line: bytes, count: int, before: bytes = b"", after: bytes = b"") -> None:
        self._pieces = self._all(line, count, before, after)
        self._rest = b""

    @staticmethod
    def _all(line: bytes, count: int, before: bytes, after: bytes) -> Iterator[bytes]:
        yield before
        for _ in range(count):
            yield line
        yield after

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        while len(self._rest) < len(into) and (piece := next(self._pieces, None)) is not None:
            self._rest += piece
        taken = self._rest[: len(into)]
        self._rest = self._rest[len(taken) :]
        into[: len(taken)] = taken
        return len(taken)


@pytest.mark.parametrize(("line", "before", "after"), [(b"%s\n", b"", b""), (b"%s,", b"[", b"{}]")])
def test_memory_is_that_of_one_document(line: bytes, before: bytes, after: bytes) -> None:
    """Lines, and a list without a line's end, of a megabyte and a half."""
    stream = BufferedReader(Endless(line % as_line(cdr()), 600, before, after))
    tracemalloc.start()
    try:
        assert sum(1 for found in documents(stream) if not found.problem) >= 600
        assert tracemalloc.get_traced_memory()[1] < 500_000
    finally:
        tracemalloc.stop()


def test_so_many_tariffs_are_kept_and_no_more() -> None:
    def held(most_kept: int) -> int:
        rerating = Rerating(most_kept=most_kept)
        began, _ = tracemalloc.get_traced_memory()
        for number in range(60):
            rerating.rate(as_line(cdr(tariffs=[tariff(id=f"T{number}")])))
        return tracemalloc.get_traced_memory()[0] - began

    tracemalloc.start()
    try:
        held(0)  # What is made once.
        assert held(5_000) * 3 < held(1_000_000)
    finally:
        tracemalloc.stop()


def test_a_document_without_end_is_passed_over_by_line_or_bracket() -> None:
    giant = b'{"id": "' + b"x" * MAX_PAGE + b'"}'
    by_line = list(documents(BytesIO(b'{"id":1}\n' + giant + b'\n{"id":2}')))
    by_bracket = list(documents(BytesIO(b'[{"id":1},' + giant + b',{"id":2}]')))
    for found in (by_line, by_bracket):
        assert [one.body for one in found] == [b'{"id":1}', b"", b'{"id":2}']
        assert "longer than" in found[1].problem


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        (b'[{"id":1},\n{"id":', 2, "the document has no end"),
        (b'[{"id":1},\n', 2, "the list has no end"),
        (b'[{"id":1},\n5,{"id":2}]', 2, "expected an object, which begins with {"),
        (b'{\n"id":1\n}\n]\n', 4, "expected an object, which begins with {"),
    ],
)
def test_what_stands_between_documents_is_told(text: bytes, line: int, problem: str) -> None:
    assert (line, problem) in [(found.line, found.problem) for found in documents(BytesIO(text))]


def test_every_cut_of_the_stream_gives_the_same_documents() -> None:
    text = json.dumps([{"a": 'b"]}\\'}, {"c": [{}, {"d": "\\"}]}], indent=1).encode()
    whole = [(found.line, found.body) for found in documents(BytesIO(text))]
    assert len(whole) == 2

    class Dribble(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(1)

        def readline(self, size: int | None = -1) -> bytes:
            return super().readline(3)

    assert [(found.line, found.body) for found in documents(Dribble(text))] == whole


def test_no_line_however_spoilt_ends_in_a_traceback() -> None:
    random = Random(5)
    lines = [
        b"[",
        b"{",
        b"null",
        b"5",
        b'"x"',
        b"{}",
        b'{"data":5,"status_code":1000}',
        b"\xff\xfe",
        b'{"id":"\x00"}',
    ]
    for _ in range(300):
        line = bytearray(as_line(random_cdr(random, random.choice(VERSIONS))))
        for _ in range(random.randrange(1, 4)):
            line[random.randrange(len(line))] = random.randrange(32, 256)
        lines.append(bytes(line))
    result = price("-", "--json", stdin=b'{"id":1}\n' + b"\n".join(lines))
    assert result.exit_code == Exit.CHECKS
    assert "Traceback" not in result.stderr


def test_it_ends_quietly_when_nobody_reads_on(tmp_path: Path) -> None:
    file = tmp_path / "many"
    file.write_bytes((as_line(cdr()) + b"\n") * 400)
    ran = subprocess.run(
        ["sh", "-c", f"{sys.executable} -c 'from elstrada.cli import main; main()' price {file} | head -1"],
        capture_output=True,
        check=True,
    )
    assert ran.stdout.startswith(b"CDR SE*ELS*C1")
    assert b"Traceback" not in ran.stderr


def test_sums_of_several_currencies_stand_apart() -> None:
    euros = cdr(currency="EUR", tariffs=[tariff(currency="EUR")])
    shown = price("-", stdin=as_line(cdr()) + b"\n" + as_line(euros))
    assert shown.stdout.splitlines()[-1].endswith(
        "131.06 SEK before tax, 163.82 with tax and 131.06 EUR before tax, 163.82 with tax"
    )

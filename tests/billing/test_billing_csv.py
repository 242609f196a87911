"""The retailer's CSV: the same bytes for the same lines, no formulas, totals to check against."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenes import an_hour
from test_billing_plans import CONTRACT, FIXED

from elstrada.billing.export.csv import COLUMNS, to_csv
from elstrada.billing.plans import bill_line
from elstrada.model.invoice import BillLine

LINE = bill_line(an_hour(), FIXED, CONTRACT, zone=ZoneInfo("Europe/Stockholm"))

GOLDEN = (
    "record;line_id;contract_id;supply_point_id;customer_id;article;text;quantity_kwh;unit_price;net;vat_code;"
    "vat_percent;vat;gross;currency;start_local;end_local;start_utc;end_utc;place;country;evse_id;cdr_id;cpo;"
    "credit_of\r\n"
    "LINE;SE*ELS*s1;SERETC00000017;735999100000000017;4711;P;Charging Harbour, Ystad 2026-03-02 16:30:00;11.000;"
    "5.0691;55.76;S;25;13.94;69.70;SEK;2026-03-02 16:30:00;2026-03-02 17:30:00;2026-03-02T15:30:00Z;"
    "2026-03-02T16:30:00Z;Harbour, Ystad;SWE;SE*ELS*E1;s1;SE*ELS;\r\n"
    "TOTAL;;;;;;1 lines;11.000;;55.76;S;25;13.94;69.70;SEK;;;;;;SWE;;;;\r\n"
)


def line(number: int, **fields: object) -> BillLine:
    end = LINE.end_date_time + timedelta(minutes=number % 7)
    return msgspec.structs.replace(LINE, **({"id": f"L{number}", "end_date_time": end} | fields))


def rows(body: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(body.decode(), newline=""), delimiter=";"))


def test_a_line_is_written_like_this() -> None:
    assert to_csv([LINE]).body.decode() == GOLDEN


def test_a_decimal_comma_changes_numbers_and_nothing_else() -> None:
    told = to_csv([LINE], decimal_comma=True).body.decode()
    assert "11,000;5,0691;55,76;S;25;13,94;69,70" in told
    assert "Harbour, Ystad" in told


@given(st.permutations(range(20)))
def test_the_same_lines_give_the_same_bytes_in_any_order(order: list[int]) -> None:
    assert to_csv([line(number) for number in order]).body == to_csv([line(n) for n in range(20)]).body


def test_totals_stand_per_currency_country_and_rate_and_sum_the_lines() -> None:
    abroad = {
        "country": "ITA",
        "vat_percent": Decimal(22),
        "vat": Decimal("12.27"),
        "gross": Decimal("68.03"),
    }
    export = to_csv([line(1), line(2), line(3, **abroad)])
    assert [(t.country, t.lines, t.net, t.gross) for t in export.totals] == [
        ("ITA", 1, Decimal("55.76"), Decimal("68.03")),
        ("SWE", 2, Decimal("111.52"), Decimal("139.40")),
    ]
    net = 1 + [name for name, _ in COLUMNS].index("net")
    written = rows(export.body)
    lines = sum(Decimal(row[net]) for row in written if row[0] == "LINE")
    assert lines == sum(Decimal(row[net]) for row in written if row[0] == "TOTAL") == Decimal("167.28")


def test_a_line_whose_vat_is_unknown_is_held_and_named() -> None:
    held = line(1, vat_percent=None, vat=None, gross=None)
    export = to_csv([held, line(2)])
    assert export.held == ("L1",)
    assert [row[1] for row in rows(export.body)[1:-1]] == ["L2"]


def test_a_session_without_energy_appears_without_unit_price() -> None:
    row = rows(to_csv([line(1, quantity_kwh=Decimal(0))]).body)[1]
    assert row[7:9] == ["0.000", ""]


@pytest.mark.parametrize(
    "evil",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", '"=1;2', "a\r\nLINE;x", "\x1b[31m"],
)
def test_no_cell_is_a_formula_or_breaks_its_row(evil: str) -> None:
    # T14.
    written = rows(to_csv([line(1, place=evil)]).body)
    assert len(written) == 3
    assert {len(row) for row in written} == {1 + len(COLUMNS)}
    cell = written[1][1 + [name for name, _ in COLUMNS].index("place")]
    assert not cell.lstrip(" ").startswith(("=", "+", "-", "@"))
    assert cell.isprintable()


def test_a_credited_amount_is_a_number_not_a_guarded_text() -> None:
    assert ";-55.76;" in to_csv([line(1, net=Decimal("-55.76"))]).body.decode()

"""Plans and VAT: what the customer pays (pricing 3.1 modes a and b, 3.2)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import pytest
from scenes import EMSP, an_hour

from elstrada.billing.plans import NotRated, bill_line
from elstrada.billing.vat import vat_percent
from elstrada.model.cdr import Cdr
from elstrada.model.invoice import BillLine, Contract, Plan, RetailMode

CONTRACT = Contract(
    owner=EMSP,
    id="SERETC00000017",
    customer_id="4711",
    plan_id="P",
    supply_point_id="735999100000000017",
    valid_from=date(2026, 1, 1),
)
FIXED = Plan(
    owner=EMSP,
    id="P",
    name="Resa",
    mode=RetailMode.FIXED_PER_KWH,
    currency="SEK",
    price_per_kwh=Decimal("4.796"),
    price_per_session=Decimal(3),
)
PLUS = Plan(
    owner=EMSP,
    id="P",
    name="Plus",
    mode=RetailMode.COST_PLUS,
    currency="SEK",
    price_per_kwh=Decimal("0.10"),
    price_per_session=Decimal(1),
    markup_percent=Decimal(5),
)


def rated(plan: Plan, cdr: Cdr | None = None) -> BillLine:
    return bill_line(cdr or an_hour(), plan, CONTRACT, zone=ZoneInfo("Europe/Stockholm"))


def at_country(country: str) -> Cdr:
    cdr = an_hour()
    return msgspec.structs.replace(
        cdr, cdr_location=msgspec.structs.replace(cdr.cdr_location, country=country)
    )


def test_a_fixed_price_ignores_what_the_operator_asks() -> None:
    line = rated(FIXED)
    assert line.net == Decimal("55.76")  # 11 x 4.796 + 3 = 55.756.
    assert (line.vat, line.gross) == (Decimal("13.94"), Decimal("69.70"))
    assert (line.wholesale_net, line.wholesale_currency) == (Decimal("54.00"), "SEK")


def test_cost_plus_adds_a_share_an_amount_per_kwh_and_one_per_session() -> None:
    line = rated(PLUS)
    assert line.net == Decimal("58.80")  # 54 + 2.70 + 1.10 + 1.
    assert [one.dimension for one in line.lines] == ["WHOLESALE", "MARKUP", "ENERGY", "FLAT"]
    assert sum(one.amount for one in line.lines) == line.net


def test_cost_plus_in_another_currency_is_refused() -> None:
    with pytest.raises(NotRated, match="in EUR; nothing is converted"):
        rated(PLUS, msgspec.structs.replace(an_hour(), currency="EUR"))


@pytest.mark.parametrize(
    ("currency", "net", "vat", "gross"),
    [
        ("JPY", "56", "14", "70"),
        ("HUF", "56", "14", "70"),
        ("SEK", "55.76", "13.94", "69.70"),
        ("KWD", "55.756", "13.939", "69.695"),
    ],
)
def test_a_line_is_in_the_smallest_unit_of_its_money(currency: str, net: str, vat: str, gross: str) -> None:
    """Rule 12: decimals by currency. Nobody can pay half a yen."""
    line = rated(msgspec.structs.replace(FIXED, currency=currency))
    assert (str(line.net), str(line.vat), str(line.gross)) == (net, vat, gross)


@pytest.mark.parametrize(
    ("country", "percent"), [("SWE", 25), ("ITA", 22), ("FRA", 20), ("NLD", 21), ("DEU", 19)]
)
def test_vat_follows_the_country_of_the_charge_point(country: str, percent: int) -> None:
    assert rated(FIXED, at_country(country)).vat_percent == percent


def test_an_unknown_country_has_no_rate_and_is_never_zero() -> None:
    line = rated(FIXED, at_country("ATL"))
    assert (line.vat_percent, line.vat, line.gross) == (None, None, None)
    assert "ATL" in line.notes[0]


def test_a_rate_holds_from_its_day() -> None:
    assert vat_percent("DEU", date(2020, 6, 30)) == 19
    assert vat_percent("DEU", date(2020, 12, 31)) == 16
    assert vat_percent("DEU", date(2021, 1, 1)) == 19
    assert vat_percent("ITA", date(2013, 9, 30)) is None
    assert vat_percent("EST", date(2025, 6, 30)) == 22
    assert vat_percent("EST", date(2025, 7, 1)) == 24
    assert vat_percent("FIN", date(2026, 3, 2)) == Decimal("25.5")
    assert vat_percent("POL", date(2022, 12, 31)) is None, "electricity had another rate"
    assert vat_percent("IRL", date(2026, 3, 2)) is None

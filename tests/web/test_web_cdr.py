"""The page of a CDR: how its price came about, in the reader's language, and safe from what CDRs say."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal

import httpx
import msgspec
import pytest
from web_world import CPO, NOW, StandingClock, empty_spine, issue_cdr

from elstrada.billing.reissue import credit_cost, credit_of
from elstrada.model import facts as f
from elstrada.model.cdr import Cdr
from elstrada.model.ids import cdr_stream
from elstrada.model.session import ChargingPeriod, PeriodDimension
from elstrada.model.tariff import (
    Dimension,
    PriceComponent,
    Tariff,
    TariffElement,
    TariffRestrictions,
)
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Work
from elstrada.spine.memory import MemorySpine
from elstrada.tariffs.price import price
from elstrada.tariffs.usage import usage_of
from elstrada.web.app import make_app
from elstrada.web.operator.cdr import page_of

PLACE = ("L1", "<b>Harbour</b>", "Umeå", "SWE")
TARIFF = Tariff(
    party=CPO,
    id="NIGHT",
    currency="SEK",
    elements=(
        TariffElement(
            (PriceComponent(Dimension.ENERGY, Decimal("2.4"), Decimal(25)),),
            TariffRestrictions(max_kwh=Decimal(100)),
        ),
    ),
    last_updated=NOW,
)


async def priced(spine: MemorySpine) -> Cdr:
    """A CDR with a step, beside one without: 10 kWh by the first element."""
    await issue_cdr(spine, "C1", PLACE, delivered=False)
    row = await spine.get(t.cdr, owner=str(CPO), party=str(CPO), cdr_id="C1")
    assert row is not None
    bare = msgspec.json.decode(str(row["document"]), type=Cdr)
    start = NOW - timedelta(hours=1)
    period = ChargingPeriod(start, (PeriodDimension("ENERGY", Decimal(10)),), TARIFF.id)
    cdr = msgspec.structs.replace(
        bare, id="C2", tariffs=(TARIFF,), charging_periods=(period,), time_zone="Europe/Stockholm"
    )
    cost = price(usage_of(cdr), [TARIFF])
    fact = f.CdrIssued(msgspec.structs.replace(cdr, total_cost=cost.total), cost)
    await spine.commit(Work(appends=(Append(cdr_stream(CPO, CPO, "C2"), 0, (fact,)),)))
    return fact.cdr


def got(path: str, language: str = "en") -> httpx.Response:
    async def steps() -> httpx.Response:
        spine = empty_spine()
        await priced(spine)
        app = make_app(spine, StandingClock(), hosts=("site",))
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://site") as client:
            return await client.get(path, headers={"accept-language": language})

    return asyncio.run(steps())


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("en", ("10 kWh at 2.40 SEK/kWh = 24.00 SEK, VAT 25 %", "until 100 kWh", "Total: 30.00 SEK")),
        ("sv", ("10 kWh à 2,40 SEK/kWh = 24,00 SEK, moms 25 %", "till 100 kWh", "Att betala: 30,00 SEK")),
        ("it", ("10 kWh a 2,40 SEK/kWh = 24,00 SEK, IVA 25 %", "fino a 100 kWh", "Totale: 30,00 SEK")),
    ],
)
def test_a_cdr_is_explained_in_the_language_of_its_reader(language: str, texts: tuple[str, ...]) -> None:
    page = got(f"/cdrs/{CPO}/C2", language)
    assert page.status_code == 200
    assert all(text in page.text for text in texts)
    assert "<b>Harbour" not in page.text


def test_the_overview_leads_to_every_cdr_and_another_is_not_found() -> None:
    assert f'href="/cdrs/{CPO}/C2"' in got("/").text.replace("%2A", "*")
    assert got(f"/cdrs/{CPO}/C1").status_code == 200  # Without steps: only its total.
    assert got(f"/cdrs/{CPO}/NONE").status_code == 404
    assert got("/cdrs/SE*XXX/C2").status_code == 404


def test_a_cdr_that_was_taken_back_leads_to_its_credit_and_to_the_one_in_its_place() -> None:
    async def steps() -> list[str]:
        spine = empty_spine()
        cdr = await priced(spine)
        stream = cdr_stream(CPO, CPO, "C2")
        cost = price(usage_of(cdr), [TARIFF])
        credit = f.CdrIssued(credit_of(cdr, NOW), credit_cost(cost, "C2", "<b>wrong</b>"))
        done = (f.CdrTakenBack("C2-C", "<b>wrong</b>", "anna"), f.CdrReissued("C1", "anna"))
        appends = (Append(stream, 1, done), Append(cdr_stream(CPO, CPO, "C2-C"), 0, (credit,)))
        await spine.commit(Work(appends=appends))
        app = make_app(spine, StandingClock(), hosts=("site",))
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://site") as client:
            paths = (f"/cdrs/{CPO}/C2", f"/cdrs/{CPO}/C2-C")
            return [(await client.get(path, headers={"accept-language": "sv"})).text for path in paths]

    taken_back, credit = asyncio.run(steps())
    assert "Krediterad av" in taken_back
    assert "Ersatt av" in taken_back
    for other in ("C2-C", "C1"):
        assert f'href="/cdrs/{CPO}/{other}"' in taken_back.replace("%2A", "*")
    assert "Krediterar CDR" not in taken_back
    assert f'href="/cdrs/{CPO}/C2"' in credit.replace("%2A", "*")
    assert "Anmärkning: krediterar CDR C2: &lt;b&gt;wrong" in credit
    assert "Att betala: -30,00 SEK" in credit


def test_a_cdr_of_a_place_without_a_known_zone_says_so() -> None:
    cdr = asyncio.run(priced(empty_spine()))
    elsewhere = msgspec.structs.replace(
        cdr, time_zone=None, cdr_location=msgspec.structs.replace(cdr.cdr_location, country="USA")
    )
    page = page_of(elsewhere, price(usage_of(cdr), [TARIFF]), "en")
    assert (page.time_zone, page.steps, page.sums) == ("", (), ())

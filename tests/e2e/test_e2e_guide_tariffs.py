"""The guide to tariffs: every command on the page is run, and says what the page shows."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from installation import Installation, Nursery

from elstrada.model.cdr import Cdr, CdrLocation
from elstrada.model.cost import Price
from elstrada.model.facts import CdrIssued
from elstrada.model.ids import PartyId, cdr_stream
from elstrada.model.location import GeoLocation
from elstrada.model.session import ChargingPeriod, PeriodDimension
from elstrada.model.tariff import Tariff
from elstrada.model.token import AuthMethod
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Work
from elstrada.spine.sqlite import SqliteSpine
from elstrada.tariffs.compile import compiled
from elstrada.tariffs.price import price
from elstrada.tariffs.segment import split
from elstrada.tariffs.usage import usage_of

GUIDE = Path(__file__).parents[2] / "docs" / "guide"
PAGE = (GUIDE / "tariffs.md").read_text()
ELS = PartyId("SE", "ELS")
MADE = datetime(2026, 10, 20, tzinfo=UTC)


class Then:
    """The clock of the time when the page's CDRs were made."""

    def now(self) -> datetime:
        return MADE


def shown() -> Iterator[tuple[str, str]]:
    """Each command of the page's consoles, and what it is said to write."""
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL):
        for part in block.split("$ elstrada ")[1:]:
            command, _, output = part.partition("\n")
            yield command, output.rstrip("\n")


EXAMPLES = list(shown())


def cdr(number: int, begin: datetime, energy_wh: int, tariff: Tariff) -> Cdr:
    """Two hours of charging and one of parking in the harbour."""
    hours = timedelta(hours=2)
    periods = (
        ChargingPeriod(
            begin,
            (PeriodDimension("ENERGY", Decimal(energy_wh).scaleb(-3)), PeriodDimension("TIME", Decimal(2))),
        ),
        ChargingPeriod(begin + hours, (PeriodDimension("PARKING_TIME", Decimal(1)),)),
    )
    place = CdrLocation(
        id="HARBOUR", address="Skeppsbron 1", city="Luleå", country="SWE",
        coordinates=GeoLocation("65.584816", "22.156704"), evse_uid="E16", evse_id="SE*ELS*E16",
        connector_id="1", connector_standard="IEC_62196_T2", connector_format="SOCKET",
        connector_power_type="AC_3_PHASE",
    )  # fmt: skip
    bare = Cdr(
        party=ELS, id=f"S-100{number}", session_id=f"S-100{number}", start_date_time=begin,
        end_date_time=begin + timedelta(hours=3), token_ref="r", token_party=None,
        auth_method=AuthMethod.WHITELIST, cdr_location=place, time_zone="Europe/Stockholm", currency="SEK",
        tariffs=(tariff,), charging_periods=periods, total_cost=Price(Decimal(0)),
        total_energy=Decimal(energy_wh).scaleb(-3), total_time=Decimal(3), last_updated=MADE,
    )  # fmt: skip
    return msgspec.structs.replace(bare, charging_periods=split(usage_of(bare), compiled(tariff)))


async def with_cdrs(path: Path) -> None:
    """Three sessions of October, by the tariff of the first charge."""
    spine = SqliteSpine(path, Then())
    await spine.start()
    try:
        rows = await spine.find(t.tariff, {"owner": str(ELS)})
        tariff = msgspec.json.decode(str(rows[0]["document"]), type=Tariff)
        begins = [(12, 16, 0, 14_000), (13, 19, 30, 9_000), (14, 8, 0, 22_000)]
        for number, (day, hour, minute, energy_wh) in enumerate(begins, 1):
            one = cdr(number, datetime(2026, 10, day, hour, minute, tzinfo=UTC), energy_wh, tariff)
            cost = price(usage_of(one), [tariff])
            fact = CdrIssued(msgspec.structs.replace(one, total_cost=cost.total), cost)
            await spine.commit(Work((Append(cdr_stream(ELS, ELS, one.id), 0, (fact,)),)))
    finally:
        await spine.close()


@pytest.fixture(scope="module")
def home(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Where the guide to the first charge was followed, and three sessions were priced since."""
    made = Installation(tmp_path_factory.mktemp("guide"), nursery)
    for noun in ("tariff", "location"):
        made.told(noun, "put", str(GUIDE / "first-charge" / f"{noun}.json"))
    made.told("station", "add", "ALPHA-16", "--place", "1=HARBOUR/E16")
    asyncio.run(with_cdrs(made.data / "elstrada.db"))
    return made


def test_the_page_has_an_example_of_every_command_it_is_about() -> None:
    told = {" ".join(command.split()[:2]) for command, _ in EXAMPLES}
    assert told == {"tariff check", "tariff quote", "tariff simulate", "cdr explain"}


@pytest.mark.parametrize(("command", "output"), EXAMPLES, ids=[command for command, _ in EXAMPLES])
def test_a_command_of_the_page_writes_what_the_page_shows(
    home: Installation, command: str, output: str
) -> None:
    words = [str(GUIDE / word) if word.endswith(".json") else word for word in shlex.split(command)]
    outcome = home.run(*words)
    finds = command.startswith("tariff check") and "warning" in output
    assert outcome.code == (6 if finds else 0), outcome
    assert outcome.stdout.rstrip("\n") == output

"""The demo's neighbours: systems of their own on this machine, each with its memory and its version of OCPI.

NL*DIJ is a CPO that knows OCPI 2.1.1 alone, with stations of OCPP 2.1; DE*APP an eMSP, and DE*NAV a navigation service
provider (NSP), of OCPI 2.3.0. These two meet our CPO at
the hub SE*KNT, and by no other way.
"""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from elstrada.config import Config
from elstrada.model.ids import PartyId
from elstrada.model.invoice import Plan, RetailMode
from elstrada.model.party import BusinessDetails, Party, Role
from elstrada.net.chance import SeededChance
from elstrada.net.clock import SystemClock
from elstrada.roles.engines import Engines
from elstrada.roles.ground import Ground
from elstrada.roles.house import House
from elstrada.roles.keys import load_keys
from elstrada.settings import HealthSection, HttpSection, OcpiSection, OutboundSection, StationsSection
from elstrada.sim.clock import SimClock
from elstrada.sim.demo_lands import NETHERLANDS
from elstrada.sim.demo_network import (
    CPO,
    EPOCH,
    ODD,
    RETAILER,
    DemoNetwork,
    Operator,
    Price,
    Supplier,
    customers,
    sites,
    tariff,
)
from elstrada.sim.records import lenient
from elstrada.spine.face import Work

DIJK = Party(PartyId("NL", "DIJ"), (Role.CPO,), BusinessDetails("Dijkladen"), "EUR")
APP = Party(PartyId("DE", "APP"), (Role.EMSP,), BusinessDetails("Ladeapp"), "EUR")
NAVIGATION = Party(PartyId("DE", "NAV"), (Role.NSP,), BusinessDetails("Wegweiser"), "EUR")
HUB = Party(PartyId("SE", "KNT"), (Role.HUB,), BusinessDetails("Knutpunkten"), "SEK")
LOOPBACK = OutboundSection.model_validate({"networks": ["127.0.0.0/8"], "http": True})
_STATIONS = 6
_DRIVERS = 40
_PER_KWH = Plan(
    owner=APP.id,
    id="FEST",
    name="Fester Preis",
    mode=RetailMode.FIXED_PER_KWH,
    currency="EUR",
    price_per_kwh=Decimal("0.59"),
)


class Neighbour(NamedTuple):
    """A system beside ours, before it is opened."""

    name: str
    parties: tuple[Party, ...]
    versions: tuple[Literal["2.1.1", "2.2.1", "2.3.0"], ...]
    """Of OCPI, that it speaks."""
    network: DemoNetwork


class Door(NamedTuple):
    """One that is open."""

    neighbour: Neighbour
    house: House


def neighbours(seed: int, at: datetime) -> tuple[Neighbour, ...]:
    """The same for the same seed."""
    return (
        Neighbour("dijkladen", (DIJK,), ("2.1.1",), _dijk(seed, at)),
        Neighbour("ladeapp", (APP, NAVIGATION), ("2.3.0",), _app(seed, at)),
        Neighbour("knutpunkt", (HUB,), ("2.2.1", "2.3.0"), _nothing((HUB,))),
    )


@asynccontextmanager
async def _opened(neighbour: Neighbour, folder: Path, clock: SimClock, seed: int) -> AsyncGenerator[Door]:
    """A neighbour's house on SQLite, for as long as the context is open."""
    folder = folder / neighbour.name
    folder.mkdir()
    config = Config(
        data_dir=folder,
        http=HttpSection(port=0, zone="Europe/Stockholm"),
        health=HealthSection(port=0),
        stations=StationsSection(port=0),
        outbound=LOOPBACK,
        ocpi=OcpiSection(versions=neighbour.versions),
    )
    keys, chance = load_keys(folder / "keys.json"), SeededChance(f"demo/{seed}/{neighbour.name}")
    engines = Engines(config, clock, chance, neighbour.name)
    async with AsyncExitStack() as stack:
        await engines.start()
        stack.push_async_callback(engines.close)
        records = (
            put for party in neighbour.parties for put in neighbour.network.puts(party.id, keys, EPOCH)
        )
        agreed = (lenient(APP.id, HUB.id.party_id, ODD),) if APP in neighbour.parties else ()
        await engines.spine.commit(Work(appends=agreed, writes=tuple(records)))
        ground = Ground(
            spine=engines.spine,
            post=engines.post,
            keys=keys,
            clock=clock,
            wall=SystemClock(),
            chance=chance,
            node=neighbour.name,
            transport=engines.amiss,
            tallies=engines.tallies,
        )
        house = House(config, neighbour.parties, ground)
        await house.open()
        stack.push_async_callback(house.close)
        yield Door(neighbour, house)


async def introduce(inviting: House, inviter: PartyId, coming: House, comer: PartyId) -> None:
    """One party gives another a token; the other registers with it over OCPI."""
    token_a = await inviting.node.roaming.registrar.invite(inviter, comer.party_id)
    url = f"{inviting.http_url}/ocpi/versions"
    await coming.node.roaming.registrar.register(comer, inviter.party_id, url, token_a)


@asynccontextmanager
async def neighbourhood(ours: House, folder: Path, clock: SimClock, seed: int) -> AsyncGenerator[list[Door]]:
    """All neighbours, and everybody who has business with each other has met."""
    async with AsyncExitStack() as stack:
        doors = [
            await stack.enter_async_context(_opened(one, folder, clock, seed))
            for one in neighbours(seed, EPOCH)
        ]
        await _meet(ours, doors)
        yield doors


async def _meet(ours: House, doors: list[Door]) -> None:
    houses = {party.id: door.house for door in doors for party in door.neighbour.parties}
    await introduce(ours, RETAILER, houses[DIJK.id], DIJK.id)
    for coming, comer in ((ours, CPO), *((houses[one.id], one.id) for one in (APP, NAVIGATION))):
        await introduce(houses[HUB.id], HUB.id, coming, comer)


# --- what they have -----------------------------------------------------------------------------------------


def _nothing(parties: tuple[Party, ...]) -> DemoNetwork:
    """What somebody has who has nothing of this."""
    return DemoNetwork(
        parties=parties,
        locations=(),
        tariffs=(),
        posts=(),
        tokens=(),
        customers=(),
        contracts=(),
        plans=(),
    )


def _dijk(seed: int, at: datetime) -> DemoNetwork:
    chance = random.Random(f"dijk/{seed}")  # noqa: S311  Repeating is its purpose.
    locations, posts = sites(chance, Operator(DIJK, (NETHERLANDS,), ("2.1",)), _STATIONS, at)
    return msgspec.structs.replace(
        _nothing((DIJK,)),
        locations=locations,
        tariffs=(
            tariff(DIJK.id, NETHERLANDS, at, Price("EUR", "21", "0.49", "0.43"), direct=False),
            tariff(DIJK.id, NETHERLANDS, at, Price("EUR", "21", "0.71", "0.64"), direct=True),
        ),
        posts=posts,
    )


def _app(seed: int, at: datetime) -> DemoNetwork:
    chance = random.Random(f"app/{seed}")  # noqa: S311  Repeating is its purpose.
    people, contracts, tokens = customers(chance, _DRIVERS, at, Supplier(APP, (_PER_KWH,), "de", _malo))
    return msgspec.structs.replace(
        _nothing((APP, NAVIGATION)),
        tokens=tokens,
        customers=people,
        contracts=contracts,
        plans=(_PER_KWH,),
    )


def _malo(chance: random.Random) -> str:
    """A German Marktlokations-ID: eleven digits, the last one checks the rest (BDEW)."""
    digits = [chance.randrange(1, 10), *(chance.randrange(10) for _ in range(9))]
    weighted = sum(digit * (2 if place % 2 else 1) for place, digit in enumerate(digits))
    return "".join(map(str, (*digits, -weighted % 10)))

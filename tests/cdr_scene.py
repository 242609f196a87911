"""A retailer with a driver, a plan and a contract, and CDRs that come to it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

import msgspec

from elstrada.model.cdr import Cdr, CdrLocation
from elstrada.model.cost import Price
from elstrada.model.facts import BillLineAdded, CdrChecked, CdrReceived
from elstrada.model.ids import PartyId, cdr_stream, contract_stream
from elstrada.model.invoice import BillLine, Contract, Plan, RetailMode
from elstrada.model.location import GeoLocation
from elstrada.model.party import BusinessDetails, Party, Role
from elstrada.model.session import ChargingPeriod, PeriodDimension
from elstrada.model.tariff import Dimension, PriceComponent, Tariff, TariffElement
from elstrada.model.token import AuthMethod, Token, Whitelist
from elstrada.roles.biller import Biller
from elstrada.roles.roaming.rows import token_row
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Put, Work
from elstrada.spine.memory import MemorySpine

CPO, OWNER = PartyId("SE", "ELS"), PartyId("SE", "RET")
START = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
CONTRACT_ID = "SERETC00000017"
NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
_T = TypeVar("_T")


class Noon:
    def now(self) -> datetime:
        return NOW


PLACE = CdrLocation(
    id="L1",
    name="Harbour",
    address="Kajen 1",
    city="Ystad",
    country="SWE",
    coordinates=GeoLocation("55.43", "13.82"),
    evse_uid="E1",
    evse_id="SE*ELS*E1",
    connector_id="1",
    connector_standard="IEC_62196_T2",
    connector_format="SOCKET",
    connector_power_type="AC_3_PHASE",
)
TARIFF = Tariff(
    party=CPO,
    id="T",
    currency="SEK",
    elements=(TariffElement((PriceComponent(Dimension.ENERGY, Decimal(4)),)),),
    last_updated=START,
)
CDR = Cdr(
    party=CPO,
    id="c1",
    start_date_time=START,
    end_date_time=START + timedelta(hours=1),
    session_id="s1",
    token_ref="ref",
    token_party=OWNER,
    auth_method=AuthMethod.AUTH_REQUEST,
    cdr_location=PLACE,
    currency="SEK",
    tariffs=(TARIFF,),
    charging_periods=(ChargingPeriod(START, (PeriodDimension("ENERGY", Decimal(10)),)),),
    total_cost=Price(Decimal(40)),
    total_energy=Decimal(10),
    total_time=Decimal(1),
    last_updated=START,
)
CONTRACT = Contract(
    owner=OWNER,
    id=CONTRACT_ID,
    customer_id="4711",
    plan_id="P",
    supply_point_id="735999100000000017",
    valid_from=date(2026, 1, 1),
)
PLAN = Plan(
    owner=OWNER,
    id="P",
    name="Resa",
    mode=RetailMode.FIXED_PER_KWH,
    currency="SEK",
    price_per_kwh=Decimal("4.79"),
)


def document(value: object) -> str:
    return msgspec.json.encode(value).decode()


def put_contract(contract: Contract = CONTRACT) -> Put:
    key = {"owner": str(OWNER), "contract_id": contract.id, "customer_id": contract.customer_id}
    return Put(t.contract, {**key, "document": document(contract)})


def put_plan(plan: Plan = PLAN) -> Put:
    return Put(t.plan, {"owner": str(OWNER), "plan_id": plan.id, "document": document(plan)})


CARD = Token(
    party=OWNER,
    uid="04A1",
    contract_id=CONTRACT_ID,
    issuer="Retail",
    valid=True,
    whitelist=Whitelist.ALLOWED,
    last_updated=START - timedelta(days=9),
)


def put_token(**fields: object) -> Put:
    return Put(t.token, token_row(OWNER, msgspec.structs.replace(CARD, **fields), "ref"))


TOKEN = put_token()
ALL = (TOKEN, put_contract(), put_plan())
US = Put(
    t.party,
    {"party": str(OWNER), "document": document(Party(OWNER, (Role.EMSP,), BusinessDetails("Retail"), "SEK"))},
)


async def spine_with(*writes: Put) -> MemorySpine:
    spine = MemorySpine(Noon())
    await spine.start()
    await spine.commit(Work(writes=writes))
    return spine


async def receive(spine: MemorySpine, *cdrs: Cdr, content_hash: str = "a") -> None:
    for cdr in cdrs:
        stream = cdr_stream(OWNER, cdr.party, cdr.id)
        version = (await spine.load(stream)).version
        await spine.commit(Work((Append(stream, version, (CdrReceived(cdr, content_hash),)),)))


async def bill(spine: MemorySpine, after: int = 0) -> None:
    await spine.commit(await Biller(spine).handle(await spine.read(after)))


async def lines(spine: MemorySpine) -> list[BillLine]:
    facts = [one.fact for one in await spine.facts(contract_stream(OWNER, CONTRACT_ID))]
    return [fact.line for fact in facts if isinstance(fact, BillLineAdded)]


async def checks(spine: MemorySpine, cdr_id: str = "c1") -> list[CdrChecked]:
    facts = [one.fact for one in await spine.facts(cdr_stream(OWNER, CPO, cdr_id))]
    return [fact for fact in facts if isinstance(fact, CdrChecked)]


def changed(**fields: object) -> Cdr:
    return msgspec.structs.replace(CDR, **fields)


def later(hours: int, **fields: object) -> Cdr:
    """The same, so many hours later, and shorter by as many seconds: no replay (V46)."""
    start, end = START + timedelta(hours=2 * hours), START + timedelta(hours=2 * hours + 1, seconds=-hours)
    periods = (ChargingPeriod(start, CDR.charging_periods[0].dimensions),)
    return changed(start_date_time=start, end_date_time=end, charging_periods=periods, **fields)


def in_country(country: str, **fields: object) -> Cdr:
    return changed(cdr_location=msgspec.structs.replace(PLACE, country=country), **fields)


def run(coroutine: Awaitable[_T]) -> _T:
    async def main() -> _T:
        return await coroutine

    return asyncio.run(main())

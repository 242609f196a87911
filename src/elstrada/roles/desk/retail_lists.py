"""Lists of the electricity retailer's customers and contracts."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.invoice import Contract, Customer, PlanMove
from elstrada.roles.desk.face import Desk, Verb
from elstrada.roles.desk.paging import After, Page, owners, page_of
from elstrada.roles.desk.shapes import Count
from elstrada.roles.retail_days import today
from elstrada.spine import tables as t

_Retailer = Annotated[str | None, Meta(description="Of one of our retailers; of all by default.")]


class ListCustomers(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    party: _Retailer = None
    limit: Annotated[Count, Meta(description="Most lines.")] = 1000
    after: After = None


class ListContracts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    customer: Annotated[str | None, Meta(description="Only of the customer of this number.")] = None
    party: _Retailer = None
    limit: Annotated[Count, Meta(description="Most lines.")] = 1000
    after: After = None


class CustomerLine(msgspec.Struct, frozen=True, kw_only=True):
    owner: str
    id: str
    name: str
    language: str


class ContractLine(msgspec.Struct, frozen=True, kw_only=True):
    owner: str
    id: str
    customer_id: str
    plan_id: str
    """Of sessions of today."""
    supply_point_id: str
    valid_from: date
    valid_to: date | None
    countries: tuple[str, ...]
    """Where it may be used; none, as of locations: everywhere."""
    locations: tuple[str, ...]
    moves: tuple[PlanMove, ...]
    """To other plans, past ones and those to come."""


async def list_customers(desk: Desk, params: ListCustomers) -> Page[CustomerLine]:
    wheres = [{"owner": owner} for owner in await owners(desk, params.party)]
    order = ("owner", "customer_id")
    rows = await page_of(desk, t.customer, wheres, order, limit=params.limit, after=params.after)
    customers = rows.lines(lambda row: msgspec.json.decode(str(row["document"]), type=Customer))
    return customers.lines(
        lambda one: CustomerLine(owner=str(one.owner), id=one.id, name=one.name, language=one.language)
    )


async def list_contracts(desk: Desk, params: ListContracts) -> Page[ContractLine]:
    where: dict[str, str] = {} if params.customer is None else {"customer_id": params.customer}
    wheres = [{**where, "owner": owner} for owner in await owners(desk, params.party)]
    order, now = ("owner", "contract_id"), desk.clock.now()
    rows = await page_of(desk, t.contract, wheres, order, limit=params.limit, after=params.after)
    contracts = rows.lines(lambda row: msgspec.json.decode(str(row["document"]), type=Contract))
    return contracts.lines(lambda one: contract_line(one, today(one.owner, now)))


def contract_line(contract: Contract, day: date) -> ContractLine:
    """A contract as it is shown on this day."""
    return ContractLine(
        owner=str(contract.owner),
        id=contract.id,
        customer_id=contract.customer_id,
        plan_id=contract.plan_on(day),
        supply_point_id=contract.supply_point_id,
        valid_from=contract.valid_from,
        valid_to=contract.valid_to,
        countries=contract.countries,
        locations=contract.locations,
        moves=contract.moves,
    )


VERBS = (
    Verb(
        "customer list",
        "List customers.",
        ListCustomers,
        tuple[CustomerLine, ...],
        list_customers,
        reads=True,
    ),
    Verb(
        "contract list",
        "List customers' contracts.",
        ListContracts,
        tuple[ContractLine, ...],
        list_contracts,
        reads=True,
    ),
)

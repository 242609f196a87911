"""Verbs on customers, contracts and plans of the electricity retailer."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.ids import PartyId
from elstrada.model.invoice import Contract, Customer, Plan, RetailMode
from elstrada.model.party import Role
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.lookups import document, needed, own_party, plain_id
from elstrada.roles.desk.shapes import Currency, Language, Name
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Work

_Retailer = Annotated[str | None, Meta(description="Our retailer; needed only if there are several.")]
_Id = Annotated[str, Meta(description="Its number or name with the retailer.")]


class PutCustomer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    id: _Id
    name: Annotated[Name, Meta(description="Of the person or business.")]
    party: _Retailer = None
    language: Annotated[Language, Meta(description="Of its bills, ISO 639-1.")] = "sv"


class PutPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    id: _Id
    name: Annotated[Name, Meta(description="As customers know it.")]
    mode: Annotated[RetailMode, Meta(description="How it prices a session.")]
    party: _Retailer = None
    currency: Annotated[Currency | None, Meta(description="ISO 4217; by default the retailer's.")] = None
    price_per_kwh: Annotated[Decimal, Meta(description="Before tax; COST_PLUS: what is added.")] = Decimal(0)
    price_per_session: Annotated[Decimal, Meta(description="Before tax.")] = Decimal(0)
    markup_percent: Annotated[Decimal, Meta(description="COST_PLUS: on the CDR's cost.")] = Decimal(0)


class PutContract(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    id: Annotated[str, Meta(description="Contract id as tokens carry it (eMAID).")]
    customer: Annotated[str, Meta(description="The customer's number.")]
    plan: Annotated[str, Meta(description="The plan's id.")]
    supply_point: Annotated[str, Meta(description="Anläggnings-id of the supply it is billed with.")]
    party: _Retailer = None
    valid_from: Annotated[
        date | None, Meta(description="First day; by default that which it has, or today.")
    ] = None
    valid_to: Annotated[date | None, Meta(description="Last day.")] = None
    country: Annotated[
        tuple[Annotated[str, Meta(pattern="^[A-Z]{3}$")], ...],
        Meta(max_length=300, description="May be used in this country alone, such as SWE; may be repeated."),
    ] = ()
    location: Annotated[
        tuple[Annotated[str, Meta(pattern="^[A-Z]{2}[*][A-Z0-9]{3}/.{1,36}$")], ...],
        Meta(
            max_length=1000,
            description="May be used at this location alone, such as SE*ELS/L1; may be repeated.",
        ),
    ] = ()


async def put_customer(desk: Desk, params: PutCustomer) -> Customer:
    owner = (await own_party(desk, params.party, Role.EMSP)).id
    customer_id = plain_id(params.id, what="a customer's number", pointer="/id")
    customer = Customer(owner=owner, id=customer_id, name=params.name, language=params.language)
    row = {"owner": str(owner), "customer_id": customer.id, "document": document(customer)}
    await desk.spine.commit(Work(writes=(Put(t.customer, row),)))
    return customer


async def put_plan(desk: Desk, params: PutPlan) -> Plan:
    party = await own_party(desk, params.party, Role.EMSP)
    for name in ("price_per_kwh", "price_per_session", "markup_percent"):
        _check_amount(name, getattr(params, name))
    if params.mode is RetailMode.FIXED_PER_KWH and params.markup_percent:
        says = "a plan of FIXED_PER_KWH has no mark-up: its price does not follow the CDR's cost"
        raise Refused(Kind.USAGE, says, "use --mode COST_PLUS, or leave it out", "/markup_percent")
    if params.mode is RetailMode.FIXED_PER_KWH and not (params.price_per_kwh or params.price_per_session):
        says = "a plan of FIXED_PER_KWH has no price: every session would be billed at 0"
        raise Refused(Kind.USAGE, says, "give --price-per-kwh or --price-per-session", "/price_per_kwh")
    plan = Plan(
        owner=party.id,
        id=plain_id(params.id, what="a plan's id", pointer="/id"),
        name=params.name,
        mode=params.mode,
        currency=params.currency or party.currency,
        price_per_kwh=params.price_per_kwh,
        price_per_session=params.price_per_session,
        markup_percent=params.markup_percent,
    )
    row = {"owner": str(plan.owner), "plan_id": plan.id, "document": document(plan)}
    await desk.spine.commit(Work(writes=(Put(t.plan, row),)))
    return plan


async def put_contract(desk: Desk, params: PutContract) -> Contract:
    owner = (await own_party(desk, params.party, Role.EMSP)).id
    hint = "add it with `elstrada {} put`"
    customer, plan = f"customer {params.customer[:40]!r}", f"plan {params.plan[:40]!r}"
    key = {"owner": str(owner)}
    await needed(desk, t.customer, customer, hint.format("customer"), **key, customer_id=params.customer)
    await needed(desk, t.plan, plan, hint.format("plan"), **key, plan_id=params.plan)
    contract_id = plain_id(params.id, what="a contract id", pointer="/id")
    contract = Contract(
        owner=owner,
        id=contract_id,
        customer_id=params.customer,
        plan_id=params.plan,
        supply_point_id=_supply_point(params.supply_point),
        valid_from=params.valid_from or await _first_day(desk, owner, contract_id),
        valid_to=params.valid_to,
        countries=params.country,
        locations=params.location,
    )
    if contract.valid_to is not None and contract.valid_to < contract.valid_from:
        says = f"the last day {contract.valid_to} is before the first, {contract.valid_from}"
        raise Refused(Kind.USAGE, says, pointer="/valid_to")
    row = {"contract_id": contract.id, "customer_id": contract.customer_id, "document": document(contract)}
    await desk.spine.commit(Work(writes=(Put(t.contract, key | row),)))
    return contract


async def _first_day(desk: Desk, owner: PartyId, contract_id: str) -> date:
    """Of a contract that is put without one: a change today uncovers no session of yesterday."""
    row = await desk.spine.get(t.contract, owner=str(owner), contract_id=contract_id)
    if row is None:
        return desk.clock.now().date()
    return msgspec.json.decode(str(row["document"]), type=Contract).valid_from


def _check_amount(name: str, amount: Decimal) -> None:
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int) or not 0 <= amount < 1_000_000 or exponent < -8:
        says = f"not a price: {str(amount)[:30]}; expected 0 or more with at most eight decimals"
        raise Refused(Kind.USAGE, says, pointer=f"/{name}")


def _supply_point(text: str) -> str:
    """An anläggnings-id. A GSRN (18 digits) has its check digit; some grid owners use ids of their own.

    Source: pricing-and-billing 3.3; GS1 General Specifications, check digit.
    """
    given = plain_id(text.replace(" ", ""), what="an anläggnings-id", pointer="/supply_point")
    if len(given) == 18 and given.isdigit():
        total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(given[:17]))
        if (10 - total % 10) % 10 != int(given[17]):
            says = f"the check digit of the GSRN {given} is wrong: a digit is mistyped"
            raise Refused(Kind.USAGE, says, "compare it with the electricity bill", "/supply_point")
    return given


VERBS = (
    Verb("customer put", "Add or change a customer.", PutCustomer, Customer, put_customer),
    Verb("contract put", "Add or change a customer's contract.", PutContract, Contract, put_contract),
    Verb("plan put", "Add or change a product.", PutPlan, Plan, put_plan),
)

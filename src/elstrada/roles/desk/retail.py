"""Verbs on customers and contracts of the electricity retailer."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from elstrada.billing.plan_history import TooManyDays, with_move
from elstrada.model.ids import PartyId
from elstrada.model.invoice import Contract, Customer, PlanMove
from elstrada.model.party import Role
from elstrada.roles.desk import retail_lists
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.lookups import document, needed, own_party, plain_id
from elstrada.roles.desk.retail_lists import ContractLine, contract_line
from elstrada.roles.desk.shapes import Language, Name
from elstrada.roles.retail_days import today
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Row, Work

_Retailer = Annotated[str | None, Meta(description="Our retailer; needed only if there are several.")]
_Id = Annotated[str, Meta(description="Its number or name with the retailer.")]


class PutCustomer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    id: _Id
    name: Annotated[Name, Meta(description="Of the person or business.")]
    party: _Retailer = None
    language: Annotated[
        Language | None, Meta(description="Of its bills, ISO 639-1; by default that which it has, or sv.")
    ] = None


class PutContract(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    id: Annotated[str, Meta(description="Contract id as tokens carry it (eMAID).")]
    customer: Annotated[str, Meta(description="The customer's number.")]
    plan: Annotated[str, Meta(description="The plan's id.")]
    supply_point: Annotated[str, Meta(description="Anläggnings-id of the supply it is billed with.")]
    party: _Retailer = None
    valid_from: Annotated[
        date | None, Meta(description="First day; by default that which it has, or today.")
    ] = None
    valid_to: Annotated[date | None, Meta(description="Last day; by default that which it has.")] = None
    no_end: Annotated[bool, Meta(description="It has no last day any more.")] = False
    plan_from: Annotated[
        date | None,
        Meta(description="First day of sessions that go by another plan than before; by default today."),
    ] = None
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
    everywhere: Annotated[bool, Meta(description="It may be used at all places, again.")] = False


async def put_customer(desk: Desk, params: PutCustomer) -> Customer:
    owner = (await own_party(desk, params.party, Role.EMSP)).id
    customer_id = plain_id(params.id, what="a customer's number", pointer="/id")
    key: Row = {"owner": str(owner), "customer_id": customer_id}
    known = await desk.spine.get(t.customer, **key)
    expected: Row = {} if known is None else {"document": known["document"]}
    customer = Customer(owner=owner, id=customer_id, name=params.name)
    if known is not None:
        customer = replace(msgspec.json.decode(str(known["document"]), type=Customer), name=params.name)
    customer = replace(customer, language=params.language or customer.language)
    write = Put(t.customer, {**key, "document": document(customer)}, expected)
    await desk.spine.commit(Work(writes=(write,)))
    return customer


async def put_contract(desk: Desk, params: PutContract) -> ContractLine:
    """Add a contract, or change it: what is not named stays as it was."""
    owner = (await own_party(desk, params.party, Role.EMSP)).id
    _check(params)
    hint = "add it with `elstrada {} put`"
    customer, plan = f"customer {params.customer[:40]!r}", f"plan {params.plan[:40]!r}"
    key = {"owner": str(owner)}
    await needed(desk, t.customer, customer, hint.format("customer"), **key, customer_id=params.customer)
    await needed(desk, t.plan, plan, hint.format("plan"), **key, plan_id=params.plan)
    contract_id = plain_id(params.id, what="a contract id", pointer="/id")
    known = await desk.spine.get(t.contract, **key, contract_id=contract_id)
    expected: Row = {} if known is None else {"document": known["document"]}
    now = today(owner, desk.clock.now())
    if known is None:
        contract = _new(params, owner, contract_id, now)
    else:
        contract = _changed(msgspec.json.decode(str(known["document"]), type=Contract), params, now)
    if contract.valid_to is not None and contract.valid_to < contract.valid_from:
        says = f"the last day {contract.valid_to} is before the first, {contract.valid_from}"
        raise Refused(Kind.USAGE, says, pointer="/valid_to")
    row = {"contract_id": contract.id, "customer_id": contract.customer_id, "document": document(contract)}
    await desk.spine.commit(Work(writes=(Put(t.contract, key | row, expected),)))
    return contract_line(contract, now)


def _check(params: PutContract) -> None:
    if params.no_end and params.valid_to is not None:
        raise Refused(Kind.USAGE, "it has a last day or none", "leave one of the two out", "/no_end")
    if params.everywhere and (params.country or params.location):
        says = "it may be used everywhere, or at some places alone"
        raise Refused(Kind.USAGE, says, "leave one of the two out", "/everywhere")


def _new(params: PutContract, owner: PartyId, contract_id: str, now: date) -> Contract:
    if params.plan_from is not None:
        says = "a new contract has its plan from its first day: a day is said of another plan"
        raise Refused(Kind.USAGE, says, "leave --plan-from out", "/plan_from")
    return Contract(
        owner=owner,
        id=contract_id,
        customer_id=params.customer,
        plan_id=params.plan,
        supply_point_id=_supply_point(params.supply_point),
        valid_from=params.valid_from or now,
        valid_to=params.valid_to,
        countries=params.country,
        locations=params.location,
    )


def _changed(known: Contract, params: PutContract, now: date) -> Contract:
    """A contract that is put again: sessions of earlier days go by the plan that they went by."""
    moved = known
    if params.plan_from is not None or params.plan != known.plan_on(now):
        try:
            moved = with_move(known, PlanMove(valid_from=params.plan_from or now, plan_id=params.plan))
        except TooManyDays as problem:
            raise Refused(Kind.CONFLICT, str(problem), "put a new contract") from None
    return replace(
        moved,
        customer_id=params.customer,
        supply_point_id=_supply_point(params.supply_point),
        valid_from=params.valid_from or known.valid_from,
        valid_to=None if params.no_end else params.valid_to or known.valid_to,
        countries=() if params.everywhere else params.country or known.countries,
        locations=() if params.everywhere else params.location or known.locations,
    )


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
    Verb("contract put", "Add or change a customer's contract.", PutContract, ContractLine, put_contract),
    *retail_lists.VERBS,
)

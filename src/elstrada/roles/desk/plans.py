"""Verbs on plans: what the electricity retailer asks, and from which day on."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import asdict, replace

from elstrada.billing.plan_history import TooManyDays, with_change
from elstrada.model.invoice import Plan, PlanChange, Prices, RetailMode, prices_of
from elstrada.model.party import Role
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.lookups import document, own_party, plain_id
from elstrada.roles.desk.paging import After, Page, owners, page_of
from elstrada.roles.desk.shapes import Count, Currency, Name
from elstrada.roles.retail_days import today
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Row, Work

_Retailer = Annotated[str | None, Meta(description="Our retailer; needed only if there are several.")]


class PutPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    id: Annotated[str, Meta(description="Its number or name with the retailer.")]
    name: Annotated[Name, Meta(description="As customers know it.")]
    mode: Annotated[RetailMode, Meta(description="How it prices a session.")]
    party: _Retailer = None
    currency: Annotated[Currency | None, Meta(description="ISO 4217; by default the retailer's.")] = None
    price_per_kwh: Annotated[Decimal, Meta(description="Before tax; COST_PLUS: what is added.")] = Decimal(0)
    price_per_session: Annotated[Decimal, Meta(description="Before tax.")] = Decimal(0)
    markup_percent: Annotated[Decimal, Meta(description="COST_PLUS: on the CDR's cost.")] = Decimal(0)
    valid_from: Annotated[
        date | None,
        Meta(description="First day of sessions that cost so, for a plan that there is; by default today."),
    ] = None


class PlanVersion(Prices, frozen=True, omit_defaults=True, kw_only=True):
    valid_from: date | None
    """Of sessions that begin on this local day or later; None: since ever."""


class PlanLine(msgspec.Struct, frozen=True, kw_only=True):
    """A plan with the prices of today."""

    owner: str
    id: str
    name: str
    mode: RetailMode
    currency: str
    price_per_kwh: Decimal
    price_per_session: Decimal
    markup_percent: Decimal
    versions: tuple[PlanVersion, ...]
    """All that it asked, asks and will ask, in order of time."""


class ListPlans(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    party: Annotated[str | None, Meta(description="Of one of our retailers; of all by default.")] = None
    limit: Annotated[Count, Meta(description="Most lines.")] = 1000
    after: After = None


async def put_plan(desk: Desk, params: PutPlan) -> PlanLine:
    """Add a plan, or change what it asks: sessions of earlier days cost what they did, whenever their CDRs come."""
    party = await own_party(desk, params.party, Role.EMSP)
    _check(params)
    plan_id = plain_id(params.id, what="a plan's id", pointer="/id")
    key: Row = {"owner": str(party.id), "plan_id": plan_id}
    asked = Prices(
        mode=params.mode,
        currency=params.currency or party.currency,
        price_per_kwh=params.price_per_kwh,
        price_per_session=params.price_per_session,
        markup_percent=params.markup_percent,
    )
    known = await desk.spine.get(t.plan, **key)
    expected: Row = {} if known is None else {"document": known["document"]}
    now = today(party.id, desk.clock.now())
    if known is None:
        if params.valid_from is not None:
            says = "a new plan holds for all sessions of its contracts: a day is said of a change"
            raise Refused(Kind.USAGE, says, "leave --valid-from out", "/valid_from")
        plan = Plan(owner=party.id, id=plan_id, name=params.name, **asdict(asked))
    else:
        plan = _changed(msgspec.json.decode(str(known["document"]), type=Plan), params, asked, now)
    await desk.spine.commit(Work(writes=(Put(t.plan, {**key, "document": document(plan)}, expected),)))
    return plan_line(plan, now)


async def list_plans(desk: Desk, params: ListPlans) -> Page[PlanLine]:
    wheres = [{"owner": owner} for owner in await owners(desk, params.party)]
    order, now = ("owner", "plan_id"), desk.clock.now()
    rows = await page_of(desk, t.plan, wheres, order, limit=params.limit, after=params.after)
    plans = rows.lines(lambda row: msgspec.json.decode(str(row["document"]), type=Plan))
    return plans.lines(lambda plan: plan_line(plan, today(plan.owner, now)))


def _changed(known: Plan, params: PutPlan, asked: Prices, now: date) -> Plan:
    plan = replace(known, name=params.name)
    if params.valid_from is None and asked == prices_of(known.on(now)):
        return plan
    try:
        return with_change(plan, PlanChange(valid_from=params.valid_from or now, **asdict(asked)))
    except TooManyDays as problem:
        raise Refused(Kind.CONFLICT, str(problem), "put a new plan, and move contracts to it") from None


def plan_line(plan: Plan, day: date) -> PlanLine:
    """A plan as it is shown on this day."""
    first = PlanVersion(valid_from=None, **asdict(prices_of(plan)))
    later = (PlanVersion(valid_from=one.valid_from, **asdict(prices_of(one))) for one in plan.changes)
    return PlanLine(
        owner=str(plan.owner),
        id=plan.id,
        name=plan.name,
        versions=(first, *later),
        **asdict(prices_of(plan.on(day))),
    )


def _check(params: PutPlan) -> None:
    for name in ("price_per_kwh", "price_per_session", "markup_percent"):
        _check_amount(name, getattr(params, name))
    if params.mode is RetailMode.FIXED_PER_KWH and params.markup_percent:
        says = "a plan of FIXED_PER_KWH has no mark-up: its price does not follow the CDR's cost"
        raise Refused(Kind.USAGE, says, "use --mode COST_PLUS, or leave it out", "/markup_percent")
    if params.mode is RetailMode.FIXED_PER_KWH and not (params.price_per_kwh or params.price_per_session):
        says = "a plan of FIXED_PER_KWH has no price: every session would be billed at 0"
        raise Refused(Kind.USAGE, says, "give --price-per-kwh or --price-per-session", "/price_per_kwh")


def _check_amount(name: str, amount: Decimal) -> None:
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int) or not 0 <= amount < 1_000_000 or exponent < -8:
        says = f"not a price: {str(amount)[:30]}; expected 0 or more with at most eight decimals"
        raise Refused(Kind.USAGE, says, pointer=f"/{name}")


VERBS = (
    Verb("plan put", "Add a product, or change its prices from a day on.", PutPlan, PlanLine, put_plan),
    Verb(
        "plan list",
        "List products with their prices of today.",
        ListPlans,
        tuple[PlanLine, ...],
        list_plans,
        reads=True,
    ),
)

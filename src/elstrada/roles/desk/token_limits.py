"""Verbs on what tokens may take at our stations, prepaid credit among it."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.billing.credit import free, released
from elstrada.model.allowance import Allowance, SessionLimit
from elstrada.model.ids import PartyId
from elstrada.model.party import Role
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.lookups import document, own_party
from elstrada.roles.desk.paging import After, Page, page_of
from elstrada.roles.desk.shapes import Count
from elstrada.spine import tables as t
from elstrada.spine.face import Cell, Delete, Put, Row, Where, Work

MOST_MONEY = Decimal(1_000_000)
_MOST_DECIMALS = 6
NEVER_COMES = timedelta(hours=1)
"""A session for which credit was set aside, and of which so long after nothing is known, never began."""
_Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}$", description="ISO 4217; needed at first.")]
_OurParty = Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")]


class LimitToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    uid: Annotated[str, Meta(min_length=1, max_length=255, description="As the card or app presents it.")]
    top_up: Annotated[
        Decimal | None, Meta(description="Prepaid credit to add, with taxes; below zero: to take away.")
    ] = None
    currency: _Currency | None = None
    most_cost: Annotated[Decimal | None, Meta(description="Most a session may cost, with taxes.")] = None
    most_energy_wh: Annotated[
        Annotated[int, Meta(ge=1, le=10**9)] | None, Meta(description="Most a session may take, in Wh.")
    ] = None
    most_time_s: Annotated[
        Annotated[int, Meta(ge=1, le=10**8)] | None, Meta(description="Longest session, in seconds.")
    ] = None
    most_soc: Annotated[
        Annotated[int, Meta(ge=1, le=100)] | None, Meta(description="Fullest battery, in percent.")
    ] = None
    release: Annotated[bool, Meta(description="Give back what sessions hold that run no longer.")] = False
    remove: Annotated[bool, Meta(description="It may take what it likes, and its credit is forgotten.")] = (
        False
    )
    party: _OurParty = None


class ListLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    ref: Annotated[str | None, Meta(description="Only of the token with this pseudonym.")] = None
    party: _OurParty = None
    limit: Annotated[Count, Meta(description="Most lines.")] = 1000
    after: After = None


class LimitLine(msgspec.Struct, frozen=True, kw_only=True):
    ref: str
    """The token's pseudonym, as in `token list` and on sessions."""
    currency: str | None
    credit: Decimal | None
    """Prepaid and not spent; None: not prepaid."""
    free: Decimal | None
    """Of this, what no session holds."""
    sessions: int
    """How many hold some."""
    most_cost: Decimal | None
    most_energy_wh: int | None
    most_time_s: int | None
    most_soc: int | None
    tariff: str | None
    """Its own; None: its connector's."""
    transfer: tuple[str, ...]
    """Ways of energy transfer; empty: charging alone."""
    changed_at: datetime | None


async def limit_token(desk: Desk, params: LimitToken) -> LimitLine:
    """Bound what a token may take at our stations; what is not named stays as it is."""
    owner = (await own_party(desk, params.party, Role.CPO)).id
    _check(params)
    key: Row = {"owner": str(owner), "ref": desk.keys.token_ref(params.uid.strip())}
    row = await desk.spine.get(t.allowance, **key)
    known = None if row is None else msgspec.json.decode(str(row["document"]), type=Allowance)
    expected: Row = {} if row is None else {"document": row["document"]}
    if params.remove:
        if known is None:
            raise Refused(Kind.MISSING, "nothing bounds that token", "see `elstrada token limits`", "/uid")
        left = Allowance(currency=known.currency, tariff_id=known.tariff_id, transfer=known.transfer)
        write: Put | Delete = Delete(t.allowance, key, expected)
        if left.tariff_id or left.transfer:  # Its other rights stand in the same record.
            columns = {**key, "document": document(left), "changed_at": desk.clock.now()}
            write = Put(t.allowance, columns, expected=expected)
        await desk.spine.commit(Work(writes=(write,)))
        return _line(str(key["ref"]), left, None)
    changed = _changed(known, params)
    if params.release:
        changed = await _released(desk, owner, changed)
    now = desk.clock.now()
    columns: Row = {**key, "document": document(changed), "changed_at": now}
    await desk.spine.commit(Work(writes=(Put(t.allowance, columns, expected=expected),)))
    return _line(str(key["ref"]), changed, now)


async def list_limits(desk: Desk, params: ListLimits) -> Page[LimitLine]:
    where: Where = {"owner": str((await own_party(desk, params.party, Role.CPO)).id)}
    if params.ref is not None:
        where = {**where, "ref": params.ref}
    rows = await page_of(desk, t.allowance, [where], ("ref",), limit=params.limit, after=params.after)
    return rows.lines(
        lambda row: _line(
            str(row["ref"]), msgspec.json.decode(str(row["document"]), type=Allowance), row["changed_at"]
        )
    )


def _check(params: LimitToken) -> None:
    for name in ("top_up", "most_cost"):
        amount: Decimal | None = getattr(params, name)
        if amount is None:
            continue
        exponent = amount.as_tuple().exponent
        if not isinstance(exponent, int) or exponent < -_MOST_DECIMALS or abs(amount) > MOST_MONEY:
            says = f"not an amount: {str(amount)[:30]}; expected at most {MOST_MONEY}, and {_MOST_DECIMALS} decimals"
            raise Refused(Kind.USAGE, says, pointer=f"/{name}")
    if params.most_cost is not None and params.most_cost <= 0:
        raise Refused(Kind.USAGE, "a session that may cost nothing cannot be had", "", "/most_cost")


def _changed(known: Allowance | None, params: LimitToken) -> Allowance:
    currency = params.currency or (known and known.currency)
    if not currency:
        raise Refused(Kind.USAGE, "in which currency?", "say it with --currency", "/currency")
    if known is not None and known.credit is not None and currency != known.currency:
        says = f"the token's credit is in {known.currency}"
        raise Refused(Kind.CONFLICT, says, "forget it with --remove first", "/currency")
    before = known or Allowance(currency=currency)
    told = {
        "cost": params.most_cost,
        "energy_wh": params.most_energy_wh,
        "time_s": params.most_time_s,
        "soc_percent": params.most_soc,
    }
    limit = msgspec.structs.replace(
        before.session,
        currency=currency,
        **{name: value for name, value in told.items() if value is not None},
    )
    credit = before.credit if params.top_up is None else (before.credit or Decimal(0)) + params.top_up
    return msgspec.structs.replace(before, currency=currency, credit=credit, session=limit)


async def _released(desk: Desk, owner: PartyId, allowance: Allowance) -> Allowance:
    """What it is once the holds of sessions that ended, or never came, are given back.

    A session that ended and has no CDR yet keeps its hold: it still has to be paid.
    """
    for hold in allowance.holds:
        station_id, _, start = hold.session.partition("/")
        where: Where = {"owner": str(owner), "station_id": station_id, "start_key": start}
        rows = await desk.spine.find(t.session, where, order=("-first_version",), limit=1)
        if not rows and start.startswith("tx|"):
            where = {"owner": str(owner), "station_id": station_id, "transaction_id": start[3:]}
            rows = await desk.spine.find(t.session, where, order=("-first_version",), limit=1)
        never_came = not rows and hold.at < desk.clock.now() - NEVER_COMES
        if never_came or (rows and await _has_cdr(desk, owner, rows[0]["session_id"])):
            allowance = released(allowance, hold.session)
    return allowance


async def _has_cdr(desk: Desk, owner: PartyId, session_id: Cell) -> bool:
    where: Where = {"owner": str(owner), "party": str(owner), "session_id": session_id}
    return bool(await desk.spine.find(t.cdr, where, limit=1))


def _line(ref: str, allowance: Allowance, changed_at: Cell) -> LimitLine:
    most: SessionLimit = allowance.session
    assert changed_at is None or isinstance(changed_at, datetime), "a moment"
    return LimitLine(
        ref=ref,
        currency=allowance.currency,
        credit=allowance.credit,
        free=free(allowance),
        sessions=len(allowance.holds),
        most_cost=most.cost,
        most_energy_wh=most.energy_wh,
        most_time_s=most.time_s,
        most_soc=most.soc_percent,
        tariff=allowance.tariff_id or None,
        transfer=allowance.transfer,
        changed_at=changed_at,
    )


VERBS = (
    Verb(
        "token limit",
        "Bound what a token may take at our stations, or give it prepaid credit.",
        LimitToken,
        LimitLine,
        limit_token,
        look="token limits",
    ),
    Verb(
        "token limits",
        "List what tokens may take, and what is left of their credit.",
        ListLimits,
        tuple[LimitLine, ...],
        list_limits,
        reads=True,
    ),
)

"""Verbs on charge detail records."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.billing.cdr import cdr_id_of
from elstrada.model.cdr import IN_DOUBT, Cdr, CdrState
from elstrada.model.cost import Cost
from elstrada.model.party import Role
from elstrada.roles.biller import Biller, kinds_of
from elstrada.roles.desk import cdr_credit, cdr_evidence, cdr_files, cdr_inbox, cdr_signed
from elstrada.roles.desk.cdr_found import (
    CdrLine,
    CheckNumber,
    Issuer,
    Own,
    key_of,
    own_copy,
    received_copy,
    shown_line,
)
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.lookups import line_of, needed, own_party, party_id, sane_moment
from elstrada.roles.desk.paging import After, Page, owners, page_of
from elstrada.roles.desk.session_card import reckoned_lines, station_said
from elstrada.roles.desk.shapes import Count, Moment
from elstrada.roles.rater import CODE, Rater, source_of
from elstrada.spine import tables as t
from elstrada.spine.face import Between, Where, Work
from elstrada.spine.paging import EVER
from elstrada.tariffs.explain import Step, explain, steps
from elstrada.tariffs.phrases import BOOKS, Phrases, Tongue
from elstrada.tariffs.price import price
from elstrada.tariffs.refusals import NotPriced, UnknownZone
from elstrada.tariffs.usage import usage_of
from elstrada.tariffs.wording import money


class ListCdrs(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    party: Own = None
    state: Annotated[
        str | None,
        Meta(description="Where it stands, such as HELD; with --check by default any in doubt."),
    ] = None
    check: Annotated[CheckNumber | None, Meta(description="Only those with a finding of this number.")] = None
    issuer: Annotated[str | None, Meta(description="Only those of this CPO.")] = None
    since: Annotated[Moment | None, Meta(description="Recorded at or after.")] = None
    until: Annotated[Moment | None, Meta(description="Recorded before.")] = None
    limit: Annotated[Count, Meta(description="Most lines, the newest first.")] = 100
    after: After = None


class ExplainCdr(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    cdr: Annotated[str, Meta(description="Its id.")]
    language: Annotated[Tongue, Meta(description="Of the text.")] = Tongue.EN
    party: Own = None
    issuer: Issuer = None


class RetryCdr(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    cdr: Annotated[str, Meta(description="Its id; with --session that of a session which got none.")]
    session: Annotated[bool, Meta(description="Rate a session of ours that could not be rated.")] = False
    party: Own = None
    issuer: Issuer = None


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    owner: str
    party: str
    cdr_id: str
    currency: str
    lines: tuple[str, ...]
    """For people, step by step."""
    cost: Cost
    """The same for machines."""
    steps: tuple[Step, ...]
    """Its lines, with what the tariffs say of each, and the reasons."""


async def list_cdrs(desk: Desk, params: ListCdrs) -> Page[CdrLine]:
    since, until = sane_moment(params.since, "/since"), sane_moment(params.until, "/until")
    where: Where = {"recorded_at": Between(since or EVER.low, until)}
    if params.issuer is not None:
        where = {**where, "party": str(party_id(params.issuer, pointer="/issuer"))}
    state = None if params.state is None else _state(params.state)
    states = IN_DOUBT if state is None and params.check is not None else (state,)
    wheres = [
        {**where, "owner": owner, **({} if one is None else {"state": one.value})}
        for owner in await owners(desk, params.party)
        for one in states
    ]
    check = params.check
    rows = await page_of(
        desk,
        t.cdr,
        wheres,
        ("-recorded_at",),
        limit=params.limit,
        after=params.after,
        fits=None if check is None else lambda row: check in kinds_of(str(row["findings"] or "").split("\n")),
    )
    return rows.lines(lambda row: line_of(CdrLine, row))


def _state(text: str) -> CdrState:
    try:
        return CdrState(text.upper())
    except ValueError:
        says = f"no state of a CDR: {text[:20]!r}; expected one of {', '.join(CdrState)}"
        raise Refused(Kind.USAGE, says, pointer="/state") from None


async def explain_cdr(desk: Desk, params: ExplainCdr) -> Explanation:
    """Tell how a CDR's price came about: as we reckoned it, or as its own tariffs give it."""
    row = await own_copy(desk, params)
    cdr = msgspec.json.decode(str(row["document"]), type=Cdr)
    try:
        usage = usage_of(cdr)
        ours = row["cost"] is not None
        cost = msgspec.json.decode(str(row["cost"]), type=Cost) if ours else price(usage, cdr.tariffs)
        phrases = BOOKS[params.language]
        lines = explain(cost, usage.time_zone, phrases, cdr.tariffs)
    except (UnknownZone, NotPriced) as problem:
        says = f"CDR {cdr.id} cannot be reckoned: {problem}"
        raise Refused(Kind.INVALID, says, "its total stands as its issuer sent it") from None
    return Explanation(
        owner=str(row["owner"]),
        party=str(cdr.party),
        cdr_id=cdr.id,
        currency=cdr.currency,
        lines=(*lines, *await _reckoned(desk, cdr, cost))
        if ours
        else (*lines, _compared(cdr, cost, phrases)),
        cost=cost,
        steps=tuple(steps(cost, phrases, cdr.tariffs)),
    )


async def _reckoned(desk: Desk, cdr: Cdr, cost: Cost) -> tuple[str, ...]:
    """What the station reckoned of a session of ours, beside our price."""
    key = {"owner": str(cdr.party), "session_id": cdr.session_id or ""}
    session = await desk.spine.get(t.session, **key)
    told = None if session is None else await station_said(desk.spine, cdr.party, session)
    return tuple(reckoned_lines(told.cost, cost)) if told and told.cost else ()


async def retry_cdr(desk: Desk, params: RetryCdr) -> CdrLine:
    """Try again what stood still, now that its cause is mended."""
    return await (_rated_again(desk, params) if params.session else _examined_again(desk, params))


async def _examined_again(desk: Desk, params: RetryCdr) -> CdrLine:
    """Examine a held CDR anew; what still stands against it is in the answer."""
    row = await received_copy(desk, params)
    owner, party, cdr_id = key_of(row)
    work = await Biller(desk.spine).again(owner, party, cdr_id, now=desk.clock.now())
    if work == Work():
        says = f"CDR {cdr_id} of {party} is not held: it is {row['state']}, or was accepted before"
        raise Refused(Kind.CONFLICT, says, "see `elstrada cdr list --state HELD`", "/cdr")
    await desk.spine.commit(work)
    return await shown_line(desk, owner, party, cdr_id)


async def _rated_again(desk: Desk, params: RetryCdr) -> CdrLine:
    owner, session_id = (await own_party(desk, params.party, Role.CPO)).id, params.cdr
    what = f"session {session_id[:40]!r} of {owner}"
    row = await needed(
        desk, t.session, what, "see `elstrada finding list`", owner=str(owner), session_id=session_id
    )
    work = await Rater(desk.spine).again(owner, session_id)
    if work == Work():
        state = "is not complete yet" if row["completed_at"] is None else "has its CDR already"
        raise Refused(Kind.CONFLICT, f"session {session_id} {state}", "see `elstrada cdr list`", "/cdr")
    await desk.spine.commit(work)
    if not work.appends:
        found = await desk.spine.get(t.finding, source=source_of(owner, session_id), code=CODE)
        says = f"session {session_id} still cannot be rated: {found['sample'] if found else ''}"
        raise Refused(Kind.CONFLICT, says, "mend that, then repeat the command", "/cdr")
    return await shown_line(desk, owner, owner, cdr_id_of(session_id))


def _compared(cdr: Cdr, cost: Cost, phrases: Phrases) -> str:
    """What the issuer asks, beside what its tariffs give."""
    asked, found = cdr.total_cost.before_taxes, cost.total.before_taxes
    return phrases["asks_same" if asked == found else "asks_other"].format(
        party=cdr.party,
        amount=money(asked, phrases),
        currency=cdr.currency,
        difference=money(asked - found, phrases),
    )


def _shown(explanation: Explanation) -> str:
    return "\n".join(explanation.lines)


VERBS = (
    Verb("cdr list", "List charge detail records.", ListCdrs, tuple[CdrLine, ...], list_cdrs, reads=True),
    Verb(
        "cdr explain",
        "Tell how a price came about.",
        ExplainCdr,
        Explanation,
        explain_cdr,
        show=_shown,
        reads=True,
    ),
    *cdr_inbox.VERBS,
    *cdr_evidence.VERBS,
    *cdr_files.VERBS,
    Verb("cdr retry", "Try a held CDR or an unrated session again.", RetryCdr, CdrLine, retry_cdr),
    *cdr_credit.VERBS,
    *cdr_signed.VERBS,
)

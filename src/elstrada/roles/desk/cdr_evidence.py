"""Verbs that tell all there is about a received CDR: for people, and as a pack of files for whoever disputes it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.billing.checks.price import differences
from elstrada.billing.validate import fraud_score
from elstrada.model.cdr import Cdr
from elstrada.model.cost import Cost
from elstrada.model.examination import Examination
from elstrada.model.facts import CdrChecked, CdrCredited, CdrDecided, CdrReceived
from elstrada.model.ids import cdr_stream
from elstrada.model.session import Session
from elstrada.model.tariff import Tariff
from elstrada.model.token import Token, Whitelist
from elstrada.roles.biller import kinds_of
from elstrada.roles.cdr_cases import Case, Records
from elstrada.roles.cdr_verdicts import Beside, verdict
from elstrada.roles.desk.cdr_found import Issuer, Own, key_of, received_copy
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.spine import tables as t
from elstrada.spine.face import Recorded, Row

_SHOWN_OF_UID = 4


class ShowCdr(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    cdr: Annotated[str, Meta(description="Its id.")]
    party: Own = None
    issuer: Issuer = None


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One dimension of a price, before taxes."""

    dimension: str
    asked: Decimal | None
    """By the CDR; None: it does not say."""
    given: Decimal
    """By its own tariffs."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to the CDR."""

    at: datetime
    what: str
    by: str = ""
    says: tuple[str, ...] = ()


class ShownToken(msgspec.Struct, frozen=True, kw_only=True):
    """The token, without what would let somebody charge with it."""

    uid_ends: str
    type: str
    contract_id: str
    valid: bool
    whitelist: Whitelist
    last_updated: datetime


class CdrCard(msgspec.Struct, frozen=True, kw_only=True):
    owner: str
    party: str
    cdr_id: str
    state: str
    currency: str
    findings: tuple[str, ...]
    """At the last examination."""
    unexamined: tuple[str, ...]
    """Checks that could not be made then, each with the reason."""
    differences: tuple[Difference, ...]
    """By dimension, the total last; empty: its own tariffs give no price."""
    fraud_score: int
    """Weighed V03, V05, V36, V46 to V48; 0: nothing tells of fraud."""
    history: tuple[Event, ...]


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the pack."""

    name: str
    content: str


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """All that there is about a CDR. The same records make the same bytes."""

    cdr_id: str
    files: tuple[Piece, ...]


async def show_cdr(desk: Desk, params: ShowCdr) -> CdrCard:
    """Show where a received CDR stands, and why."""
    row, known = await _received(desk, params)
    case = await Records(desk.spine).case(known, desk.clock.now())
    return _card(row, known, case, verdict(case, Beside()).cost)


async def evidence(desk: Desk, params: ShowCdr) -> Evidence:
    """Put together what a dispute about a CDR needs."""
    row, known = await _received(desk, params)
    case = await Records(desk.spine).case(known, desk.clock.now())
    cost = verdict(case, Beside()).cost
    document = await desk.spine.get(t.document, hash=row["content_hash"])
    body = None if document is None else document["body"]
    given = {
        "received.json": masked(body) if isinstance(body, bytes) else None,
        "cdr.json": _json(case.fact.cdr),
        "card.json": _json(_card(row, known, case, cost)),
        "price.json": None if cost is None else _json(cost),
        "session.json": None if case.session is None else _json(case.session),
        "token.json": None if case.token is None else _json(_shown_token(case.token)),
        "agreed.json": _json(case.terms),
        "tariffs.json": _json(case.tariffs_then),
    }
    files = (
        Piece(name=name, content=content) for name, content in sorted(given.items()) if content is not None
    )
    return Evidence(cdr_id=str(row["cdr_id"]), files=tuple(files))


async def _received(desk: Desk, params: ShowCdr) -> tuple[Row, list[Recorded]]:
    """The copy that came to us, and all facts of it."""
    row = await received_copy(desk, params)
    owner, party, cdr_id = key_of(row)
    known = await desk.spine.facts(cdr_stream(owner, party, cdr_id))
    if not any(isinstance(one.fact, CdrReceived) for one in known):
        says = f"CDR {cdr_id} is ours: {owner} issued it and received none"
        raise Refused(Kind.CONFLICT, says, "see `elstrada cdr explain`", "/cdr")
    return row, known


def _card(row: Row, known: list[Recorded], case: Case, cost: Cost | None) -> CdrCard:
    cdr, findings = case.fact.cdr, _lines(row, "findings")
    told = () if cost is None or cdr.credit else differences(cdr, cost)
    return CdrCard(
        owner=str(row["owner"]),
        party=str(cdr.party),
        cdr_id=cdr.id,
        state=str(row["state"]),
        currency=cdr.currency,
        findings=findings,
        unexamined=_lines(row, "unexamined"),
        differences=tuple(
            Difference(dimension=name, asked=asked, given=given) for name, asked, given in told
        ),
        fraud_score=fraud_score(kinds_of(findings)),
        history=tuple(_history(known)),
    )


def _lines(row: Row, column: str) -> tuple[str, ...]:
    return tuple(line for line in str(row[column] or "").split("\n") if line)


def _history(known: list[Recorded]) -> Iterator[Event]:
    for one in known:
        match one.fact:
            case CdrReceived(peer_id=peer_id):
                yield Event(at=one.at, what="RECEIVED", by=peer_id)
            case CdrChecked(accepted=accepted, findings=findings):
                yield Event(at=one.at, what="PASSED" if accepted else "DID NOT PASS", says=findings)
            case CdrDecided(state=state, reason=reason, by=by, checks=checks):
                yield Event(at=one.at, what=state.value, by=by, says=(reason, *checks))
            case CdrCredited(by=by):
                yield Event(at=one.at, what="CREDITED", by=by)
            case _:
                continue


class _CdrToken(msgspec.Struct):
    uid: str | None = None


class _Body(msgspec.Struct):
    """Where a CDR of any version names its token."""

    cdr_token: _CdrToken | None = None
    auth_id: str | None = None


def masked(body: bytes) -> str | None:
    """A CDR just as it came, but for the token's uid, of which only the end is left; None: that cannot be done."""
    told = msgspec.json.decode(body, type=_Body)
    uid = told.cdr_token.uid if told.cdr_token is not None else told.auth_id
    if uid is None:
        return body.decode("utf-8", "replace")
    written = msgspec.json.encode(uid)
    if written not in body:
        return None
    return body.replace(written, msgspec.json.encode(f"***{_end_of(uid)}")).decode("utf-8", "replace")


def _end_of(uid: str) -> str:
    return uid[-_SHOWN_OF_UID:] if len(uid) > 2 * _SHOWN_OF_UID else ""


def _shown_token(token: Token) -> ShownToken:
    return ShownToken(
        uid_ends=_end_of(token.uid),
        type=token.type,
        contract_id=token.contract_id,
        valid=token.valid,
        whitelist=token.whitelist,
        last_updated=token.last_updated,
    )


def _json(value: Cdr | CdrCard | Cost | Session | ShownToken | Examination | tuple[Tariff, ...]) -> str:
    """Indented, with the fields in their own order, so that two packs can be compared line by line."""
    return msgspec.json.format(msgspec.json.encode(value, order="deterministic"), indent=2).decode() + "\n"


# --- for people -------------------------------------------------------------------------------------


def _shown(card: CdrCard) -> str:
    return "\n".join(_card_lines(card))


def _card_lines(card: CdrCard) -> Iterator[str]:
    yield f"CDR {card.cdr_id} of {card.party}, at {card.owner}: {card.state}"
    yield from (f"  {finding}" for finding in card.findings)
    yield from (f"  not examined: {text}" for text in card.unexamined)
    for one in card.differences:
        asked = "does not say" if one.asked is None else f"asks {one.asked}"
        yield f"  {one.dimension:<12} {asked}, its tariffs give {one.given} {card.currency}"
    if card.fraud_score:
        yield f"  fraud score  {card.fraud_score}"
    for event in card.history:
        by = f" by {event.by}" if event.by else ""
        says = f": {'; '.join(event.says)}" if event.says else ""
        yield f"  {event.at:%Y-%m-%d %H:%M}Z {event.what}{by}{says}"


VERBS = (
    Verb(
        "cdr show",
        "Show where a received CDR stands, and why.",
        ShowCdr,
        CdrCard,
        show_cdr,
        show=_shown,
        reads=True,
    ),
    Verb(
        "cdr evidence",
        "Put together what a dispute about a CDR needs.",
        ShowCdr,
        Evidence,
        evidence,
        reads=True,
    ),
)

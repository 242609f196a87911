"""A start that a payment terminal provider orders for a driver who paid there (OCPI 2.3.0 mod_payments).

The token is the provider's own and stands for a card; nobody is asked about it. What the driver was shown is
what he pays: the tariff is bound to the token now, and with it the most that the provider was told to reserve.
"""

from __future__ import annotations

import contextlib
from datetime import timedelta

import msgspec

from elstrada.model.allowance import Allowance, SessionLimit
from elstrada.model.location import Evse, Location
from elstrada.model.party import Role
from elstrada.model.terminal import InvoiceCreator, SessionPaid, TerminalSession, invoice_url, key_of
from elstrada.model.token import Token
from elstrada.ocpi.codes import Why
from elstrada.ocpi.language import Start
from elstrada.ocpi.server import Refusal
from elstrada.roles.rating import UNPRICED, Rating
from elstrada.roles.roaming.serving.visit import Visit
from elstrada.roles.roaming.stock import Seat
from elstrada.roles.roaming.terminal_book import (
    Known,
    checked_id,
    is_ordered_by,
    known_of,
    unbound,
)
from elstrada.spine import tables as t
from elstrada.spine.face import Between, Cell, Delete, Put, Row, RowMoved, Where, Work

AD_HOC_USER = "AD_HOC_USER"
_STARTS_WITHIN = timedelta(days=1)
"""A start of which no session came by then never will have one."""
_MOST_FORGOTTEN, _MOST_ALIKE = 20, 100
_MOST_TERMINALS = 10_000


def is_terminals(visit: Visit, token: Token) -> bool:
    """Does the token stand for a card at a terminal of the caller's?"""
    return token.party in visit.parties(Role.PTP) and (
        token.party not in visit.parties(Role.EMSP) or token.type == AD_HOC_USER
    )


def unpayable(start: Start) -> Refusal | None:
    """What the order lacks for its money to be found again."""
    if start.token.type != AD_HOC_USER:
        return Refusal(Why.INVALID, f"token/type: a payment terminal's driver is an {AD_HOC_USER}")
    if not start.authorization_reference:
        return Refusal(Why.INVALID, "authorization_reference: required of a payment terminal provider")
    checked_id("authorization_reference", start.authorization_reference)
    return None


async def ordered_puts(
    visit: Visit, start: Start, location: Location, evse: Evse, seat: Seat, connector: int
) -> tuple[Put, ...] | Refusal | str:
    """The writes that keep the order and bound its token.

    Returns:
        A refusal where the reference is used already; a text where the EVSE has no price.
    """
    spine, owner, token = visit.means.spine, visit.own.id, start.token
    reference, now = start.authorization_reference or "", visit.means.clock.now()
    key: Row = {"owner": str(owner), "party": str(token.party), "reference": key_of(reference)}
    before = await spine.get(t.terminal_session, **key)
    if before is not None and (before["session_id"] is not None or before["state"] != SessionPaid.OPEN.value):
        # Sent again, it must not begin a second session for the same money.
        return Refusal(Why.INVALID, "authorization_reference: a session has it already")
    try:
        tariff = await Rating(spine).ad_hoc_tariff(owner, seat.station_id, seat.evse_id, now, connector)
    except UNPRICED as problem:
        return f"no price is known: {problem}"[:500]
    terminals = await _serving(visit, location.id, evse.uid)
    creator = _creator(terminals)
    bases = {one.terminal.invoice_base_url for one in terminals if one.terminal.invoice_base_url}
    base = min(bases) if len(bases) == 1 and creator is InvoiceCreator.CPO else None
    ref = visit.means.keys.token_ref(token.uid)
    ordered = TerminalSession(
        reference=reference,
        location_id=location.id,
        evse_uid=evse.uid,
        token_ref=ref,
        invoice_creator=creator,
        invoice_url=invoice_url(base, reference),
        preauthorized=tariff.preauthorize_amount,
    )
    columns: dict[str, Cell] = {
        "peer_id": visit.peer.id,
        "state": SessionPaid.OPEN.value,
        "session_id": None,
        "asked_at": now,
        "changed_at": now,
        "revision": 1 if before is None else int(str(before["revision"])) + 1,
        "document": _text(ordered),
    }
    expected: Row = {} if before is None else {"revision": before["revision"]}
    limit = SessionLimit(cost=tariff.preauthorize_amount, currency=tariff.currency)
    may = Allowance(
        currency=tariff.currency,
        session=SessionLimit() if tariff.preauthorize_amount is None else limit,
        tariff_id=tariff.id,
        ordered_by=token.party,
    )
    await _forget(visit, ref)
    return (Put(t.terminal_session, {**key, **columns}, expected), *await _bound(visit, token, ref, may))


async def _bound(visit: Visit, token: Token, ref: str, may: Allowance) -> tuple[Put, ...]:
    """The write that bounds the token; none where its uid stands for another party's token, or is bounded otherwise.

    A provider may not reach others' drivers by giving their uids for its own, nor learn that there are such.
    """
    spine, owner = visit.means.spine, visit.owner
    alike = await spine.find(t.token, {"owner": owner, "ref": ref}, limit=_MOST_ALIKE)
    if any(row["party"] != str(token.party) for row in alike):
        return ()
    before = await spine.get(t.allowance, owner=owner, ref=ref)
    if before is not None and not is_ordered_by(before, token.party):
        return ()
    row: Row = {"owner": owner, "ref": ref, "document": _text(may), "changed_at": visit.means.clock.now()}
    return (Put(t.allowance, row, {} if before is None else {"document": before["document"]}),)


async def _serving(visit: Visit, location_id: str, evse_uid: str) -> list[Known]:
    """The caller's terminals at which drivers pay for this EVSE; the most exact assignment counts."""
    where: Where = {"owner": visit.owner, "peer_id": visit.peer.id}
    rows = await visit.means.spine.find(t.terminal, where, limit=_MOST_TERMINALS)
    known = [one for one in map(known_of, rows) if one.terminal.serves(location_id, evse_uid)]
    exact = [one for one in known if evse_uid in one.terminal.evse_uids]
    return exact or known


def _creator(terminals: list[Known]) -> InvoiceCreator | None:
    creators = {one.terminal.invoice_creator for one in terminals}
    return creators.pop() if len(creators) == 1 else None


async def _forget(visit: Visit, ref: str) -> None:
    """Let go of orders of which nothing came, and of what bounded their tokens; others may do so as well."""
    old = Between(high=visit.means.clock.now() - _STARTS_WITHIN)
    where: Where = {"owner": visit.owner, "state": SessionPaid.OPEN.value, "asked_at": old}
    rows = await visit.means.spine.find(t.terminal_session, where, order=("asked_at",), limit=_MOST_FORGOTTEN)
    gone: list[Delete] = []
    for row in rows:
        if row["session_id"] is not None:
            continue
        key = {name: row[name] for name in ("owner", "party", "reference")}
        gone.append(Delete(t.terminal_session, key, {"revision": row["revision"]}))
        token_ref = msgspec.json.decode(str(row["document"]), type=TerminalSession).token_ref
        if token_ref != ref:
            gone += await unbound(visit.means.spine, visit.owner, token_ref, str(row["party"]))
    if gone:
        with contextlib.suppress(RowMoved):
            await visit.means.spine.commit(Work(writes=tuple(gone)))


def _text(value: msgspec.Struct) -> str:
    return msgspec.json.encode(value).decode()

"""Payment terminals and what was taken at them, as either side writes them down: each state once."""

from __future__ import annotations

import hashlib
from datetime import datetime
from enum import StrEnum

import msgspec

from elstrada.model.allowance import Allowance
from elstrada.model.facts import PaymentAdvised, TerminalChanged
from elstrada.model.ids import PartyId, advice_stream, terminal_stream
from elstrada.model.party import Peer
from elstrada.model.terminal import Advice, AdviceText, Terminal, TerminalState, key_of
from elstrada.model.terminal_payment import TerminalPayment
from elstrada.ocpi.body import Mismatch, encode, parse, shape
from elstrada.ocpi.language import Noun
from elstrada.ocpi.patch import is_older
from elstrada.ocpi.versions import LANGUAGES
from elstrada.roles.roaming.means import Means
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Delete, Put, Row, Spine, StreamMoved, Work

PAYMENTS_VERSION = "2.3.0"
"""The first that has payment terminals; what is kept as it came is in its words."""
MOST_TERMINALS = 10_000
"""Of one provider."""
_LONGEST_ID, _LONGEST_LINE = 36, 255
_TRIES = 5


class Kept(StrEnum):
    """What became of something that was to be written down."""

    NEW = "NEW"
    CHANGED = "CHANGED"
    SAME = "SAME"
    """It was known, or is older than what is."""
    BUSY = "BUSY"
    """It changed all the while; nothing was written."""
    UNKNOWN = "UNKNOWN"
    """An advice of no start that this provider ordered."""
    OTHER = "OTHER"
    """An advice whose id stands for another authorization."""
    FULL = "FULL"
    """A provider has told of too many terminals."""
    FOREIGN = "FOREIGN"
    """A terminal that is for another CPO, as it says itself."""


class Known(msgspec.Struct, frozen=True):
    """A terminal as it is written down."""

    party: PartyId
    terminal: Terminal
    state: TerminalState
    cpo: PartyId
    peer_id: str


async def known_terminal(spine: Spine, owner: PartyId, party: PartyId, terminal_id: str) -> Known | None:
    """The provider's terminal of this id, which compares without case."""
    key = {"owner": str(owner), "party": str(party), "terminal_id": key_of(terminal_id)}
    row = await spine.get(t.terminal, **key)
    return None if row is None else known_of(row)


def known_of(row: Row) -> Known:
    return Known(
        PartyId.parse(str(row["party"])),
        msgspec.json.decode(str(row["document"]), type=Terminal),
        TerminalState(str(row["state"])),
        PartyId.parse(str(row["cpo"])),
        str(row["peer_id"]),
    )


def checked_id(name: str, text: str) -> str:
    """An id of a peer's that stands in the name of a stream.

    Raises:
        Mismatch: it cannot.
    """
    if not 1 <= len(text) <= _LONGEST_ID or not text.isprintable() or not text.strip():
        raise Mismatch(f"expected 1 to {_LONGEST_ID} printable characters - at `$.{name}`")
    return text


async def write_terminal(spine: Spine, owner: PartyId, now: Known, *more: Put | Delete) -> None:
    """Write a terminal's new state down, and what is to be written with it.

    Raises:
        StreamMoved, RowMoved: somebody else changed something meanwhile.
    """
    stream = terminal_stream(owner, now.party, now.terminal.terminal_id)
    version = await spine.version(stream)
    fact = TerminalChanged(now.terminal, now.state, now.cpo, now.peer_id)
    await spine.commit(Work(appends=(Append(stream, version, (fact,)),), writes=more))


async def keep_terminal(means: Means, peer: Peer, party: PartyId, terminal: Terminal) -> Kept:
    """Write down what a provider tells our CPO of a terminal. Being told of one, we take it to work."""
    spine, owner = means.spine, peer.owner
    if terminal.party not in (None, owner):
        return Kept.FOREIGN
    for _ in range(_TRIES):
        before = await known_terminal(spine, owner, party, terminal.terminal_id)
        if before is not None and _is_no_news(terminal.last_updated, before.terminal.last_updated, means):
            return Kept.SAME  # Likewise news that come again: they switch on nothing that was switched off.
        if before is None:
            where = {"owner": str(owner), "peer_id": peer.id}
            counted = await spine.count(t.terminal, where, most=MOST_TERMINALS)
            if counted and counted[0]["count"] == MOST_TERMINALS:
                return Kept.FULL
        else:
            terminal = msgspec.structs.replace(terminal, terminal_id=before.terminal.terminal_id)
        try:
            await write_terminal(spine, owner, Known(party, terminal, TerminalState.ACTIVE, owner, peer.id))
        except StreamMoved:
            continue
        return Kept.NEW if before is None else Kept.CHANGED
    return Kept.BUSY


def _is_no_news(told: datetime, known: datetime, means: Means) -> bool:
    return told == known or is_older(told, known, means.clock.now())


async def keep_advice(means: Means, peer: Peer, party: PartyId, told: AdviceText) -> Kept:
    """Write down what a provider says it took, if it is of a start that this very provider ordered."""
    spine, owner, advice = means.spine, peer.owner, told.advice
    reference = key_of(advice.authorization_reference)
    ordered = await spine.get(t.terminal_session, owner=str(owner), party=str(party), reference=reference)
    if ordered is None:
        return Kept.UNKNOWN
    body = encode(_words().write(told).value)
    digest = hashlib.sha256(body).hexdigest()
    document = Put(t.document, {"hash": digest, "body": body, "recorded_at": means.clock.now()})
    stream = advice_stream(owner, party, advice.id)
    for _ in range(_TRIES):
        version = await spine.version(stream)
        before = await known_advice(spine, owner, party, advice.id) if version else None
        if before is not None:
            if key_of(before.authorization_reference) != reference:
                return Kept.OTHER
            if before == advice or is_older(advice.last_updated, before.last_updated, means.clock.now()):
                return Kept.SAME
        fact = PaymentAdvised(advice, owner, peer.id, digest)
        try:
            await spine.commit(Work(appends=(Append(stream, version, (fact,)),), writes=(document,)))
        except StreamMoved:
            continue
        return Kept.NEW if before is None else Kept.CHANGED
    return Kept.BUSY


async def known_advice(spine: Spine, owner: PartyId, party: PartyId, advice_id: str) -> Advice | None:
    key = {"owner": str(owner), "party": str(party), "advice_id": key_of(advice_id)}
    row = await spine.get(t.advice, **key)
    return None if row is None else advice_of(row)


def advice_of(row: Row) -> Advice:
    return msgspec.json.decode(str(row["document"]), type=Advice)


async def advice_text(spine: Spine, row: Row) -> AdviceText | None:
    """What was received, with its lines of the card; None: they were erased."""
    kept = await spine.get(t.document, hash=row["content_hash"])
    body = None if kept is None else kept["body"]
    if not isinstance(body, bytes):
        return None
    words = _words()
    return words.read(shape(parse(body), words.wire)).value


def _words() -> Noun[AdviceText]:
    words = LANGUAGES[PAYMENTS_VERSION].advice
    assert words is not None, f"{PAYMENTS_VERSION} has payments"
    return words


def is_ordered_by(row: Row, party: PartyId | str) -> bool:
    """Is it a provider's order that bounds this token?"""
    may = msgspec.json.decode(str(row["document"]), type=Allowance)
    return may.ordered_by is not None and str(may.ordered_by) == str(party)


async def unbound(spine: Spine, owner: PartyId | str, ref: str, party: PartyId | str) -> list[Delete]:
    """What takes away again that a provider's order bounds a token."""
    row = await spine.get(t.allowance, owner=str(owner), ref=ref)
    if row is None or not is_ordered_by(row, party):
        return []
    return [Delete(t.allowance, {"owner": str(owner), "ref": ref}, {"document": row["document"]})]


async def eft_of(spine: Spine, owner: PartyId, advice: Advice) -> tuple[str, ...]:
    """What an invoice must say of a payment at a terminal of ours: from its record, which can be erased."""
    row = await spine.get(t.terminal_payment, owner=str(owner), payment_id=advice.id)
    price = advice.total_costs
    amount = price.before_taxes if price.after_taxes is None else price.after_taxes
    lines = [f"Amount: {advice.currency} {amount}"]
    if row is not None:
        payment = msgspec.json.decode(str(row["document"]), type=TerminalPayment)
        lines = [f"Terminal: {payment.terminal_id}", f"Payment: {payment.psp_ref}", *lines]
    return tuple(line[:_LONGEST_LINE] for line in lines)

"""The cashier: follows the log and puts sessions together with the money that was taken for them.

At a CPO: each start that a payment terminal provider ordered, its session, its CDR and what the provider says it
took. At a provider: the CDR of each payment, so that it can be settled. What it writes comes from all that is known
at the time, so the order in which things arrive makes no difference.
"""

from __future__ import annotations

from decimal import Decimal
from typing import cast

import msgspec
from msgspec.structs import replace

from elstrada.billing.cdr import cdr_id_of
from elstrada.model.cdr import Cdr
from elstrada.model.facts import (
    CdrIssued,
    CdrReceived,
    PaymentAdvised,
    RoamedSessionChanged,
    SessionStarted,
    SessionUpdated,
)
from elstrada.model.ids import PartyId, owner_of
from elstrada.model.terminal import SessionPaid, TerminalSession, key_of
from elstrada.model.terminal_payment import TapState, TerminalPayment
from elstrada.roaming.paid import Owed, is_trouble, settled, whole
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.terminal_book import advice_of, unbound
from elstrada.spine import tables as t
from elstrada.spine.face import Cell, Delete, Put, Recorded, Row, Work

FOLLOWER = "cashier"
"""Of its cursor, for ever."""
CODE = "terminal payment"
"""Of its findings; their source is ``session:<owner>/<session id>``."""
SECOND = "second CDR for a terminal payment"
_MOST_SESSIONS, _MOST_ADVICES = 20, 100
"""Of one reference."""
_MOST_STARTING = 1_000

Key = tuple[PartyId, PartyId, str]
"""Owner, provider and the reference in upper case."""
_UNPAID = frozenset(set(TapState) - {TapState.DUE, TapState.SETTLED})


class Cashier:
    """A follower: ``handle`` is called with the log's facts, and says what they lead to."""

    def __init__(self, means: Means) -> None:
        self._means, self._spine = means, means.spine

    async def handle(self, batch: list[Recorded]) -> Work:
        """The state of every session and payment that these facts tell of."""
        writes: list[Put | Delete] = []
        for key in dict.fromkeys(key for one in batch for key in _ordered(one)):
            writes += await self._session(key)
        payments: dict[tuple[PartyId, str], Put] = {}
        for one in batch:
            await self._payment(one, payments)
        return Work(writes=(*writes, *payments.values()))

    # --- at the CPO -------------------------------------------------------------------------------------

    async def _session(self, key: Key) -> list[Put | Delete]:
        owner, party, reference = key
        row = await self._spine.get(
            t.terminal_session, owner=str(owner), party=str(party), reference=reference
        )
        if row is None:
            return []
        known = msgspec.json.decode(str(row["document"]), type=TerminalSession)
        where = {"owner": str(owner), "authorization_reference": known.reference}
        sessions = [
            one
            for one in await self._spine.find(t.session, where, limit=_MOST_SESSIONS)
            if one["token_party"] == str(party)
        ]
        ids = [str(one["session_id"]) for one in sessions]
        owed = [found for id in ids if (found := await self._owed(owner, id)) is not None]
        where = {"owner": str(owner), "party": str(party), "reference": reference}
        advices = await self._spine.find(t.advice, where, limit=_MOST_ADVICES)
        now, state = settled(known, owed, [advice_of(one) for one in advices])
        session_id = ids[0] if ids else None
        if (now, state.value, session_id) == (known, row["state"], row["session_id"]):
            return []
        writes = [_put(row, now, state, session_id, self._means)]
        writes += await self._finding(owner, session_id or known.reference, now, state)
        if owed and known.owed is None:
            writes += await self._unbound(owner, party, sessions)
        return writes

    async def _owed(self, owner: PartyId, session_id: str) -> Owed | None:
        row = await self._spine.get(t.cdr, owner=str(owner), party=str(owner), cdr_id=cdr_id_of(session_id))
        if row is None:
            return None
        cdr = msgspec.json.decode(str(row["document"]), type=Cdr)
        return whole(cdr.total_cost), cdr.currency

    async def _finding(
        self, owner: PartyId, session: str, now: TerminalSession, state: SessionPaid
    ) -> list[Put | Delete]:
        """What the operator is told, until it is mended."""
        key: dict[str, Cell] = {"source": f"session:{owner}/{session}", "code": CODE}
        known = await self._spine.get(t.finding, **key)
        if not is_trouble(now, state):
            return [] if known is None else [Delete(t.finding, key)]
        at = self._means.clock.now()
        row: dict[str, Cell] = {"sample": f"{state.value}: {now.why}"[:300], "last_at": at}
        row["first_at"] = at if known is None else known["first_at"]
        row["count"] = 1 if known is None else cast(int, known["count"]) + 1
        return [Put(t.finding, key | row)]

    async def _unbound(self, owner: PartyId, party: PartyId, sessions: list[Row]) -> list[Delete]:
        """What bounded the token of a session that is over; not if another start with it is on its way."""
        refs = {str(one["token_ref"]) for one in sessions}
        where = {"owner": str(owner), "state": SessionPaid.OPEN.value}
        starting = await self._spine.find(
            t.terminal_session, where, order=("-asked_at",), limit=_MOST_STARTING
        )
        for one in starting:
            if one["session_id"] is None:
                document = msgspec.json.decode(str(one["document"]), type=TerminalSession)
                refs.discard(document.token_ref)
        return [one for ref in sorted(refs) for one in await unbound(self._spine, owner, ref, party)]

    # --- at the provider --------------------------------------------------------------------------------

    async def _payment(self, one: Recorded, known: dict[tuple[PartyId, str], Put]) -> None:
        """The payment that a partner's session or CDR is of."""
        match one.fact:
            case CdrReceived(cdr=told) if not told.credit:
                pass
            case RoamedSessionChanged(session=told):
                pass
            case _:
                return
        if told.authorization_reference is None:
            return
        owner, payment_id = owner_of(one.stream), told.authorization_reference.lower()
        row = await self._spine.get(t.terminal_payment, owner=str(owner), payment_id=payment_id)
        if row is None:
            return
        pending = known.get((owner, payment_id))
        row = row if pending is None else dict(pending.row)
        payment = msgspec.json.decode(str(row["document"]), type=TerminalPayment)
        if payment.cpo != told.party:
            return  # Another CPO's word counts for nothing.
        now = self._noted(owner, payment, told)
        if now == payment:
            return
        expected = row["document"] if pending is None else (pending.expected or {})["document"]
        written = {**row, "state": now.state.value, "document": msgspec.json.encode(now).decode()}
        known[owner, payment_id] = Put(t.terminal_payment, written, {"document": expected})

    def _noted(self, owner: PartyId, payment: TerminalPayment, told: object) -> TerminalPayment:
        if not isinstance(told, Cdr):
            session_id = str(getattr(told, "id", ""))
            return replace(payment, session_id=payment.session_id or session_id)
        if payment.state in _UNPAID and not payment.cdr_id:
            amount: Decimal = whole(told.total_cost)
            return replace(payment, state=TapState.DUE, cdr_id=told.id, owed=amount)
        if payment.cdr_id != told.id:
            self._means.findings.note(f"payment:{owner}/{payment.payment_id}", SECOND, told.id)
        return payment


def _ordered(one: Recorded) -> list[Key]:
    """The starts by a provider's order that a fact may tell of."""
    owner = owner_of(one.stream)
    match one.fact:
        case SessionStarted(token_party=PartyId() as party, authorization_reference=str(reference)):
            return [(owner, party, key_of(reference))]
        case SessionUpdated(token_party=PartyId() as party, authorization_reference=str(reference)):
            return [(owner, party, key_of(reference))]
        case CdrIssued(cdr=Cdr(token_party=PartyId() as party, authorization_reference=str(reference))):
            return [(owner, party, key_of(reference))]
        case PaymentAdvised(advice=advice, cpo=cpo) if cpo == owner:
            party = PartyId.parse(one.stream.split("/", 3)[2])
            return [(owner, party, key_of(advice.authorization_reference))]
        case _:
            return []


def _put(
    row: Row, now: TerminalSession, state: SessionPaid, session_id: str | None, means: Means
) -> Put | Delete:
    revision = cast(int, row["revision"])
    written = {
        **row,
        "state": state.value,
        "session_id": session_id,
        "changed_at": means.clock.now(),
        "revision": revision + 1,
        "document": msgspec.json.encode(now).decode(),
    }
    return Put(t.terminal_session, written, {"revision": revision})

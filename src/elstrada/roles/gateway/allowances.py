"""What tokens may take: read when one is presented, set aside when its session begins, watched while that runs."""

from __future__ import annotations

import logging
from collections import OrderedDict
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from elstrada.billing.credit import granted, held, session_key
from elstrada.charging.session import begun_before, start_key
from elstrada.charging.state import SessionState
from elstrada.charging.station import forgotten
from elstrada.model import asks
from elstrada.model.allowance import Allowance, LimitKind, SessionLimit
from elstrada.model.answers import CommandDone, SessionNoted, StationAnswer
from elstrada.model.device import CommandResult
from elstrada.model.quantity import MeterSample
from elstrada.model.token import Allowed
from elstrada.net.face import Chance, Clock
from elstrada.roles.findings import Findings
from elstrada.roles.gateway.seat import Seat
from elstrada.roles.mirrored import told
from elstrada.roles.rating import UNPRICED, Rating
from elstrada.roles.running import so_far
from elstrada.spine import tables as t
from elstrada.spine.face import Put, RowMoved, Spine, SpineDown, Work

log = logging.getLogger(__name__)

LOOKED_AT_EVERY = timedelta(seconds=10)
"""How often the cost of a limited session is reckoned at most, while readings come."""
_SUPPORTED = "TxCtrlr/SupportedLimits"
_NAMES = {"cost": "MaxCost", "energy_wh": "MaxEnergy", "time_s": "MaxTime", "soc_percent": "MaxSoC"}
_MOST_TRIES = 5
_MOST = 10_000
"""Limited sessions remembered."""

Asked = asks.Authorize | asks.StartSession | asks.UpdateSession | asks.EndSession


class Allowances:
    """Looks after the limits of sessions at the stations of one gateway."""

    def __init__(self, spine: Spine, clock: Clock, chance: Chance, findings: Findings) -> None:
        self._spine, self._clock, self._chance, self._findings = spine, clock, chance, findings
        self._rating = Rating(spine)
        self._looked: OrderedDict[str, datetime] = OrderedDict()

    async def bounded(self, seat: Seat, ask: Asked) -> Asked:
        """The same ask, its token with what it may take of the session that it is presented for.

        Raises:
            SpineDown: nothing is set aside, or nobody knows.
        """
        token = ask.token
        allowance = token.allowance if token is not None else None
        if token is None or allowance is None:
            return ask
        if allowance.credit is not None:
            token = replace(token, expires_at=self._clock.now())  # C17: a station keeps no such judgement.
        if isinstance(ask, asks.Authorize):
            limit = granted(allowance)
        elif isinstance(ask, asks.EndSession) or await self._belongs(seat, ask):
            # Nothing more is set aside for what is over, sent again, or shown beside the token that pays.
            return replace(ask, token=token)
        else:
            limit = await self._held(seat, token, _key(seat, ask))
        return replace(ask, token=replace(token, limit=limit, out_of_credit=limit is None))

    async def sayable(self, seat: Seat, answer: StationAnswer | None) -> StationAnswer | None:
        """The same answer, with those limits only that its station says it knows (E16); we keep them all.

        Raises:
            SpineDown: nobody knows which those are.
        """
        if not isinstance(answer, SessionNoted) or answer.limit is None:
            return answer
        known = (await told(self._spine, seat.owner, seat.station_id, _SUPPORTED)).get(_SUPPORTED)
        if known is None:
            return answer  # It did not say; what it does not know it passes over.
        names = {name.strip() for name in known.split(",")}
        unknown = {field: None for field, name in _NAMES.items() if name not in names}
        limit = replace(answer.limit, **unknown)
        return replace(answer, limit=None if limit.is_empty else limit)

    async def _belongs(self, seat: Seat, ask: asks.StartSession | asks.UpdateSession) -> bool:
        """Has the session its token already, or is it long over?"""
        column, value = "transaction_id", ask.transaction_id
        if isinstance(ask, asks.StartSession):
            column, value = "start_key", start_key(ask)
            known = begun_before(seat.state, ask)
        else:
            known = seat.state.session_by_transaction(ask.transaction_id)
        if known is not None:
            return known.allowed is Allowed.ALLOWED or known.completed
        if forgotten(seat.state, ask) is None:
            return False
        where = {"owner": str(seat.owner), "station_id": seat.station_id, column: value}
        return bool(await self._spine.find(t.session, where, limit=1))

    async def _held(self, seat: Seat, token: asks.PresentedToken, session: str) -> SessionLimit | None:
        """Set credit aside; however many sessions of a token begin at once, each sees what the others hold."""
        for left in reversed(range(_MOST_TRIES)):
            row = await self._spine.get(t.allowance, owner=str(seat.owner), ref=token.ref)
            if row is None:
                return SessionLimit()  # It was lifted a moment ago.
            allowance = msgspec.json.decode(str(row["document"]), type=Allowance)
            now = self._clock.now()
            grant = held(allowance, session, now)
            if grant.allowance == allowance:
                return grant.limit
            document = msgspec.json.encode(grant.allowance).decode()
            columns = {"owner": str(seat.owner), "ref": token.ref, "document": document, "changed_at": now}
            put = Put(t.allowance, columns, expected={"document": row["document"]})
            try:
                await self._spine.commit(Work(writes=(put,)))
            except RowMoved:
                if not left:
                    raise SpineDown("a token's credit changes faster than it can be set aside") from None
            else:
                return grant.limit
        raise AssertionError("the last try returns or raises")

    def is_due(self, session: SessionState) -> bool:
        """Should it be looked at whether this session has taken what it may? If so, it is taken to be now."""
        if session.limit is None or session.ended_at is not None:
            return False
        now, last = self._clock.now(), self._looked.get(session.session_id)
        if last is not None and now - last < LOOKED_AT_EVERY:
            return False
        self._looked[session.session_id] = now
        self._looked.move_to_end(session.session_id)
        if len(self._looked) > _MOST:
            self._looked.popitem(last=False)
        return True

    async def watch(self, seat: Seat, session: SessionState, samples: tuple[MeterSample, ...]) -> None:
        """Have a session stopped, once, that has taken all that it may."""
        source = f"station:{seat.owner}/{seat.station_id}"
        try:
            kind = await self._taken_up(seat, session, samples)
            if kind is None or kind in session.limits_reached:
                return
            ask = asks.LimitReached(session_id=session.session_id, kind=kind, command_id=self._chance.uuid())
            end = await seat.ask(ask)
            if isinstance(end, CommandDone) and end.result is not CommandResult.ACCEPTED:
                says = f"session {session.session_id}: {end.result.value} {end.detail}".strip()
                self._findings.note(source, "not stopped at its limit", says)
        except SpineDown:
            log.warning("%s: a session's limit could not be looked at, for the store is down", source)
        except Exception:
            log.exception("%s: a session's limit could not be looked at", source)
            self._findings.note(source, "limit not watched", "internal error")

    async def _taken_up(
        self, seat: Seat, session: SessionState, samples: tuple[MeterSample, ...]
    ) -> LimitKind | None:
        limit = session.limit
        if limit is None:
            return None
        now = self._clock.now()
        if limit.energy_wh is not None and session.energy_wh >= limit.energy_wh:
            return LimitKind.ENERGY
        lasted = now - (session.started_at or now)
        if limit.time_s is not None and lasted.total_seconds() >= limit.time_s:
            return LimitKind.TIME
        full = max((sample.soc_percent or 0 for sample in samples), default=0)
        if limit.soc_percent is not None and full >= limit.soc_percent:
            return LimitKind.SOC
        cost = None if limit.cost is None else await self._cost(seat, session, limit, now)
        return LimitKind.COST if cost is not None and limit.cost is not None and cost >= limit.cost else None

    async def _cost(
        self, seat: Seat, session: SessionState, limit: SessionLimit, now: datetime
    ) -> Decimal | None:
        """What the session has cost; None, which is a finding: nobody can tell."""
        reached = so_far(session)
        if reached is None:
            return None
        source = f"station:{seat.owner}/{seat.station_id}"
        try:
            cost = await self._rating.so_far(seat.owner, seat.station_id, reached, now)
        except UNPRICED as refusal:
            self._findings.note(source, "limit not watched", f"its cost is not known: {refusal}")
            return None
        if cost.currency != limit.currency:
            says = f"credit in {limit.currency}, price in {cost.currency}"
            self._findings.note(source, "limit not watched", says)
            return None
        return cost.total.before_taxes if cost.total.after_taxes is None else cost.total.after_taxes


def _key(seat: Seat, ask: asks.StartSession | asks.UpdateSession) -> str:
    if isinstance(ask, asks.StartSession):
        return session_key(seat.station_id, start_key(ask), None)
    known = seat.state.session_by_transaction(ask.transaction_id)
    return session_key(seat.station_id, known.start_key if known else None, ask.transaction_id)

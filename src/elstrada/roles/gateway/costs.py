"""What a driver is shown of the cost: the final one in the answer to a session's end, and on the way there.

A cost is never worth an answer: it is looked for after the commit, for a bounded time, and where it is not
known nothing is said of it. A missing price is never zero. Source: OCPP 2.0.1 and 2.1 part 2, I02 and I03.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

import msgspec

from elstrada.charging.state import SessionState
from elstrada.model.answers import TellStation
from elstrada.model.asks import CommandReply
from elstrada.model.cost import Cost
from elstrada.model.device import CommandName, CommandResult, Protocol, StationOrder
from elstrada.model.ids import PartyId
from elstrada.model.metering import TurnKind
from elstrada.net.face import Chance, Clock
from elstrada.roles.findings import Findings
from elstrada.roles.mirrored import is_false, is_true, told
from elstrada.roles.rating import UNPRICED, Rating
from elstrada.roles.running import so_far
from elstrada.spine.face import Spine, SpineDown

log = logging.getLogger(__name__)

FINAL_WITHIN_S = 2.0
"""So long the answer to a session's end waits for its cost at most."""
RUNNING_EVERY = timedelta(seconds=60)
"""How often a station is told the running cost of a session at most."""
REPLY_WITHIN = timedelta(seconds=10)
SHOWS_HOLDS = timedelta(minutes=5)
"""How long it is remembered whether a station shows a cost."""
_MOST = 50_000
"""Sessions, and stations, remembered."""
_CURRENCY = "TariffCostCtrlr/Currency"
_AVAILABLE, _ENABLED = "TariffCostCtrlr/Available[Cost]", "TariffCostCtrlr/Enabled[Cost]"
_UNABLE = (CommandResult.NOT_SUPPORTED, CommandResult.FAILED)

Tell = Callable[[TellStation], Awaitable[CommandReply]]
_Station = tuple[str, str]
_K = TypeVar("_K")
_V = TypeVar("_V")


def shows_running_cost(protocol: str, known: Mapping[str, str]) -> bool:
    """Does a station show a running cost that we reckon, by what it told of itself?

    In 2.0.1 ``Cost`` is the showing of a cost. In 2.1 it is the reckoning at the station, and only a station
    that says that it does not reckon is known to leave it to us (part 2, 2.12.5; errata 2025-09, 2.64).
    """
    if protocol == Protocol.OCPP21:
        return is_false(known.get(_ENABLED))
    if is_false(known.get(_ENABLED)):
        return False
    return is_true(known.get(_ENABLED)) or is_true(known.get(_AVAILABLE))


def has_final_cost(session: SessionState) -> bool:
    """Is there a last word on its cost?

    Of energy that is not believed none is told, least of all zero; nor of energy that is looked at again,
    since its register was reset.
    """
    reset = session.turn is not None and session.turn.kind is TurnKind.RESET
    return session.completed and session.doubted_wh is None and not reset


class Costs:
    """Finds what sessions cost, for the stations of one gateway."""

    def __init__(self, spine: Spine, clock: Clock, chance: Chance, findings: Findings) -> None:
        self._spine, self._clock, self._chance, self._findings = spine, clock, chance, findings
        self._rating = Rating(spine)
        self._told: OrderedDict[str, tuple[datetime, Decimal | None]] = OrderedDict()
        """When a session's cost was last looked for, and what the station was told."""
        self._shows: OrderedDict[_Station, tuple[datetime, bool]] = OrderedDict()

    async def final(self, owner: PartyId, station_id: str, session_id: str) -> Decimal | None:
        """What a session cost, taxes included, as on its CDR; None: that is not known here and now."""
        source = f"station:{owner}/{station_id}"
        try:
            async with asyncio.timeout(FINAL_WITHIN_S):
                cost = await self._rating.final(owner, session_id)
                return None if cost is None else await self._amount(owner, station_id, cost)
        except TimeoutError:
            self._findings.note(source, "cost not told", f"not known within {FINAL_WITHIN_S} s")
        except SpineDown:
            log.warning("%s: the store failed before the cost was known", source)
        except UNPRICED:
            pass  # The rater records why.
        except Exception:
            # Whatever is wrong with a price, the station's message was committed and is answered.
            log.exception("%s: the cost of a session could not be found", source)
            self._findings.note(source, "cost not told", "internal error")
        return None

    def is_due(self, session: SessionState) -> bool:
        """May the station be told of this session's cost again? If so, it is taken to be told now."""
        now, last = self._clock.now(), self._told.get(session.session_id)
        if last is not None and now - last[0] < RUNNING_EVERY:
            return False
        _keep(self._told, session.session_id, (now, last and last[1]))
        return True

    async def tell_running(
        self, owner: PartyId, station_id: str, protocol: str, session: SessionState, tell: Tell
    ) -> None:
        """Tell a station what a session costs so far, if it shows that and the cost is known and new."""
        try:
            if await self._shows_cost(owner, station_id, protocol):
                await self._tell(owner, station_id, session, tell)
        except UNPRICED:
            pass  # Nothing is shown, least of all zero; once the session has ended, the rater says why.
        except SpineDown:
            log.warning("station:%s/%s: no running cost, for the store is down", owner, station_id)
        except Exception:
            log.exception("station:%s/%s: the running cost could not be told", owner, station_id)

    async def _tell(self, owner: PartyId, station_id: str, session: SessionState, tell: Tell) -> None:
        reached = so_far(session)
        if reached is None:
            return
        now = self._clock.now()
        cost = await self._rating.so_far(owner, station_id, reached, now)
        amount = await self._amount(owner, station_id, cost)
        last = self._told.get(session.session_id)
        if amount is None or (last is not None and last[1] == amount):
            return
        _keep(self._told, session.session_id, (now, amount))
        fields = {"totalCost": amount, "transactionId": session.transaction_id}
        order = StationOrder(name=CommandName.CALL, action="CostUpdated", payload=_encode(fields).decode())
        reply = await tell(TellStation(command_id=self._chance.uuid(), order=order, until=now + REPLY_WITHIN))
        if reply.result in _UNABLE:
            self._findings.note(f"station:{owner}/{station_id}", "running cost not shown", reply.detail)

    async def _shows_cost(self, owner: PartyId, station_id: str, protocol: str) -> bool:
        key, now = (str(owner), station_id), self._clock.now()
        known = self._shows.get(key)
        if known is None or now - known[0] >= SHOWS_HOLDS:
            values = await told(self._spine, owner, station_id, _AVAILABLE, _ENABLED)
            known = (now, shows_running_cost(protocol, values))
            _keep(self._shows, key, known)
        return known[1]

    async def _amount(self, owner: PartyId, station_id: str, cost: Cost) -> Decimal | None:
        """The amount with taxes, if they are known, and if the station reckons in that currency.

        A station shows a bare number beside the currency it was set to (2.1 part 2, 2.12.7).
        """
        amount = cost.total.after_taxes
        if amount is None:
            return None
        currency = (await told(self._spine, owner, station_id, _CURRENCY)).get(_CURRENCY)
        if currency and currency.strip().upper() != cost.currency:
            sample = f"the station shows {currency[:10]}, the tariff is in {cost.currency}"
            self._findings.note(f"station:{owner}/{station_id}", "cost not told", sample)
            return None
        return amount


_encode = msgspec.json.Encoder(decimal_format="number").encode


def _keep(memory: OrderedDict[_K, _V], key: _K, value: _V) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > _MOST:
        memory.popitem(last=False)

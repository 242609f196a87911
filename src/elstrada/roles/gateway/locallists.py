"""Keeps the stations' local authorization lists in step with the tokens there are (D01; TC_D_09).

Each gateway does it for the stations that are connected to it: at their connection, whenever a token or the
station's rule changes, and when an operator asks for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from elstrada.charging.locallist import pause
from elstrada.model.asks import Command
from elstrada.model.device import Station
from elstrada.model.locallist import ListRule, ListState
from elstrada.net.face import Chance, Clock
from elstrada.roles.findings import Findings
from elstrada.roles.gateway.listing import Listing, bounded_tokens
from elstrada.roles.gateway.roll import Roll
from elstrada.roles.keys import Keys
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Between, Row, Spine, SpineDown, StreamMoved
from elstrada.spine.post import Letter, NobodyThere

if TYPE_CHECKING:
    from elstrada.roles.gateway.link import Link

log = logging.getLogger(__name__)

AT_ONCE = 8
"""Stations whose lists are seen to at the same time."""
AGAIN = timedelta(minutes=10)
"""So often a list is compared anew though nothing seems to have changed: contracts end by themselves."""
NOT_TAKEN = "local list not taken"
"""Finding of a station: how often, and what it said last."""
_SHARE = 50
"""Telling whether tokens changed takes at most one part in so many of the time."""

Give = Callable[["Link", Command], Awaitable[Letter]]


class _Look(msgspec.Struct):
    """When a station's list was last seen to, and for what."""

    connection_id: str
    rule: ListRule | None
    tokens: object
    next_at: datetime
    failures: int = 0
    """In a row. After one the station is left in peace until then, whatever becomes of the tokens."""
    answered: bool = True
    """It said so itself: then a new connection changes nothing."""


class LocalLists:
    """Sees to the lists of one gateway's stations."""

    def __init__(
        self,
        spine: Spine,
        keys: Keys,
        clock: Clock,
        chance: Chance,
        roll: Roll,
        parties: tuple[str, ...],
        links: Mapping[str, Link],
        findings: Findings,
        give: Give,
        spawn: Callable[[Coroutine[None, None, None]], None],
    ) -> None:
        self._spine, self._keys, self._clock, self._chance = spine, keys, clock, chance
        self._roll, self._parties, self._links = roll, parties, links
        self._findings, self._give, self._spawn = findings, give, spawn
        self._looks: dict[str, _Look] = {}
        """By stream."""
        self._busy: set[str] = set()
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._tokens: dict[str, object] = {}
        """By owner: what tells one state of its tokens from another."""
        self._tokens_at: datetime | None = None

    async def look(self) -> None:
        """Begin with every list that has to be seen to.

        Raises:
            SpineDown: it is tried again.
        """
        asked = await self._asked()
        if not asked and not any(self._rule(link) for link in self._links.values()):
            return
        await self._look_at_tokens()
        for stream, link in list(self._links.items()):
            if stream not in self._busy and self._is_due(link, asked):
                self._busy.add(stream)
                self._spawn(self._see_to(link))
        now = self._clock.now()
        gone = [stream for stream in self._looks if stream not in self._links]
        for stream in gone:
            look = self._looks[stream]
            if not (look.failures and look.answered and now < look.next_at):
                del self._looks[stream]

    async def _asked(self) -> set[tuple[str, str]]:
        where = {"owner": AnyOf(self._parties), "asked": Between("")}
        rows = await self._spine.find(t.local_list, where)
        return {(str(row["owner"]), str(row["station_id"])) for row in rows}

    async def _look_at_tokens(self) -> None:
        """Learn which owners' tokens changed, by whatever way: an operator, a peer, an erasure."""
        now = self._clock.now()
        if self._tokens_at is not None and now < self._tokens_at:
            return
        for owner in sorted({str(link.seat.owner) for link in self._links.values() if self._rule(link)}):
            found = await self._spine.count(t.token, {"owner": owner}, by=("last_updated",))
            agreed = await self._spine.count(t.agreement, {"owner": owner}, by=("changed_at",))
            bounded = sorted(await bounded_tokens(self._spine, owner))
            told = [(row["last_updated"], row["count"]) for row in found]
            terms = ((row["changed_at"], row["count"]) for row in agreed)
            self._tokens[owner] = hash((*told, *terms, *bounded))
        took = self._clock.now() - now
        self._tokens_at = self._clock.now() + took * _SHARE

    def _rule(self, link: Link) -> ListRule | None:
        station = self._roll.station(str(link.seat.owner), link.seat.station_id)
        return None if station is None else station.local_list

    async def _rule_now(self, link: Link) -> ListRule | None:
        key = {"owner": str(link.seat.owner), "station_id": link.seat.station_id}
        row = await self._spine.get(t.station, **key)
        return None if row is None else msgspec.json.decode(str(row["document"]), type=Station).local_list

    def _is_due(self, link: Link, asked: set[tuple[str, str]]) -> bool:
        rule, owner = self._rule(link), str(link.seat.owner)
        if (owner, link.seat.station_id) in asked:
            return True  # By an operator, who is not kept waiting.
        known = self._looks.get(link.stream)
        if rule is None or not link.settling.done:
            return False
        if known is None or known.rule != rule:
            return True
        if known.failures and (known.answered or known.connection_id == link.connection_id):
            return known.next_at <= self._clock.now()
        if known.connection_id != link.connection_id:
            return True
        return known.tokens != self._tokens.get(owner) or known.next_at <= self._clock.now()

    async def _see_to(self, link: Link) -> None:
        tokens = self._tokens.get(str(link.seat.owner))
        rule = self._rule(link)
        try:
            async with self._turns:
                if link.ending:
                    return
                listing = Listing(self._spine, self._keys, self._clock, self._chance, link, self._given(link))
                known = self._looks.get(link.stream)
                told = known is not None and known.connection_id == link.connection_id and not known.failures
                # Not that of the roll, which may be a second old: who changed it may be waiting for this look.
                rule = await self._rule_now(link)
                row = await listing.bring_in_step(rule, told=told)
                if row is not None:
                    self._looks[link.stream] = self._looked(link, rule, tokens, row, listing.answered)
        except (NobodyThere, StreamMoved):
            pass  # It is connected elsewhere, where its list is seen to as well.
        except SpineDown as down:
            log.warning("the list of %s could not be seen to: %s", link.stream, down)
        except Exception:
            log.exception("the list of %s could not be seen to", link.stream)
            row = {"state": ListState.FAILED.value, "detail": "an error of ours, see the log"}
            self._looks[link.stream] = self._looked(link, rule, tokens, row, False)
        finally:
            self._busy.discard(link.stream)

    def _given(self, link: Link) -> Callable[[Command], Awaitable[Letter]]:
        return lambda command: self._give(link, command)

    def _looked(self, link: Link, rule: ListRule | None, tokens: object, row: Row, answered: bool) -> _Look:
        before, now, state = self._looks.get(link.stream), self._clock.now(), ListState(str(row["state"]))
        if state not in _NOT_TAKEN:
            return _Look(link.connection_id, rule, tokens, now + AGAIN)
        failures = before.failures + 1 if before is not None else 1
        wait = pause(failures, self._chance.spread(), unable=state is ListState.NOT_SUPPORTED)
        sample = f"{state.value}: {row['detail']}; tried again in {wait.total_seconds() / 60:.0f} min"
        self._findings.note(link.source, NOT_TAKEN, sample)
        return _Look(link.connection_id, rule, tokens, now + wait, failures, answered)


_NOT_TAKEN = frozenset({ListState.FAILED, ListState.NOT_SUPPORTED})

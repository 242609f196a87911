"""Payment terminals over the line: what a provider brings its CPOs, and what a CPO has its providers do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from msgspec.structs import replace

from elstrada.model.ids import PartyId
from elstrada.model.party import Peer, Role
from elstrada.model.terminal import AdviceText, Terminal, TerminalState, key_of
from elstrada.ocpi.body import Mismatch
from elstrada.ocpi.client import Garbled, Outcome, Received, objects_of
from elstrada.ocpi.language import Noun
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.v230 import payments as wire
from elstrada.ocpi.v230.translate import terminal_as
from elstrada.ocpi.versions import language
from elstrada.roaming.visibility import parties_of
from elstrada.roles.roaming.conduct import note_findings, source
from elstrada.roles.roaming.line import Line, belongs_to
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.terminal_book import (
    Kept,
    Known,
    advice_of,
    checked_id,
    eft_of,
    keep_advice,
    keep_terminal,
    known_terminal,
    write_terminal,
)
from elstrada.spine import tables as t

_T = TypeVar("_T", Terminal, AdviceText)
_Keep = Callable[[Means, Peer, PartyId, _T], Awaitable[Kept]]
_MOST_PAGES = 1_000
LONGEST_S = 3_600.0
"""For both lists, by the wall: a provider that always has another page holds up its other lists no longer."""
_STRAYED = frozenset({Kept.UNKNOWN, Kept.OTHER, Kept.FULL, Kept.FOREIGN})


class Terminals:
    """Speaks with the other side of the payments module. Never raises for what a peer does."""

    def __init__(self, means: Means, line: Line) -> None:
        self._means, self._line = means, line

    # --- as a provider ----------------------------------------------------------------------------------

    async def bring(self, peer: Peer, owner: PartyId, terminal_id: str) -> Outcome | None:
        """Create a terminal of ours at the CPO it is meant for; None: it has no business there now."""
        known = await known_terminal(self._means.spine, owner, owner, terminal_id)
        words = language(peer.version).terminal
        if known is None or words is None or known.state is not TerminalState.ACTIVE:
            return None
        if known.cpo not in parties_of(peer, (Role.CPO,)):
            return None
        body = words.write(known.terminal).value
        return await self._line.tell(peer, "post_terminal", to=known.cpo, body=body)

    async def bring_advice(self, peer: Peer, owner: PartyId, advice_id: str) -> Outcome | None:
        """Tell a CPO what we took for its session."""
        key = {"owner": str(owner), "party": str(owner), "advice_id": key_of(advice_id)}
        row = await self._means.spine.get(t.advice, **key)
        words = language(peer.version).advice
        if row is None or words is None:
            return None
        advice = advice_of(row)
        told = AdviceText(advice, await eft_of(self._means.spine, owner, advice))
        cpo = PartyId.parse(str(row["cpo"]))
        return await self._line.tell(peer, "post_advice", to=cpo, body=words.write(told).value)

    # --- as a CPO ---------------------------------------------------------------------------------------

    async def assign(self, peer: Peer, known: Known, terminal: Terminal) -> Outcome:
        """Have a provider know for which locations and EVSEs drivers pay at its terminal."""
        patch = wire.TerminalPatch(
            location_ids=terminal.location_ids,
            evse_uids=terminal.evse_uids,
            last_updated=Instant(terminal.last_updated),
        )
        outcome = await self._line.tell(
            peer,
            "patch_terminal",
            to=known.party,
            path={"terminal_id": known.terminal.terminal_id},
            body=patch,
        )
        return await self._written(outcome, peer.owner, replace(known, terminal=terminal))

    async def put(self, peer: Peer, known: Known, terminal: Terminal) -> Outcome:
        """Have a provider know all that we say of its terminal."""
        outcome = await self._line.tell(
            peer,
            "put_terminal",
            to=known.party,
            path={"terminal_id": known.terminal.terminal_id},
            body=terminal_as(wire.Terminal, terminal),
        )
        return await self._written(outcome, peer.owner, replace(known, terminal=terminal))

    async def activate(self, peer: Peer, ptp: PartyId, terminal: Terminal) -> Outcome:
        """Have a provider set a terminal to work; it then creates it with us.

        Args:
            terminal: its id may be empty, for the provider to find it by its reference.
        """
        body = terminal_as(wire.TerminalActivation, terminal)
        if not terminal.terminal_id:
            body = replace(body, terminal_id=None)
        return await self._line.tell(peer, "activate_terminal", to=ptp, body=body)

    async def deactivate(self, peer: Peer, known: Known) -> Outcome:
        outcome = await self._line.tell(
            peer, "deactivate_terminal", to=known.party, path={"terminal_id": known.terminal.terminal_id}
        )
        now = max(self._means.clock.now(), known.terminal.last_updated)
        off = replace(known, terminal=replace(known.terminal, last_updated=now), state=TerminalState.INACTIVE)
        return await self._written(outcome, peer.owner, off)

    async def pull(self, peer: Peer) -> Outcome:
        """Fetch all terminals that a provider has for us, and what it took: whatever was missed is there."""
        words = language(peer.version)
        ptp = min(parties_of(peer, (Role.PTP,)), default=None)
        if words.terminal is None or words.advice is None or ptp is None:
            return Received()
        until = asyncio.get_running_loop().time() + LONGEST_S
        outcome = await self._walk(peer, ptp, "list_terminals", words.terminal, keep_terminal, until)
        if isinstance(outcome, Received):
            outcome = await self._walk(peer, ptp, "list_advices", words.advice, keep_advice, until)
        return outcome

    async def _walk(
        self, peer: Peer, ptp: PartyId, name: str, words: Noun[_T], keep: _Keep[_T], until: float
    ) -> Outcome:
        """Read page after page; none is asked for later than ``until`` by the loop's clock."""
        url: str | None = None
        for _ in range(_MOST_PAGES):
            outcome = await self._line.tell(
                peer, name, to=ptp, url=url, timeout_s=self._means.waits.long_answer_s
            )
            if not isinstance(outcome, Received):
                return outcome
            found, problems = objects_of(outcome, words.wire)
            for one in found:
                note_findings(self._means.findings, peer.owner, peer.id, one)
                try:
                    value = words.read(one).value
                    kept = await keep(self._means, peer, ptp, _checked(value))
                except Mismatch as problem:
                    problems.append(str(problem))
                    continue
                if kept in _STRAYED:
                    problems.append(f"{name}: {kept.value}")
            for problem in problems:
                self._means.findings.note(source(peer.owner, peer.id), "object passed over", problem)
            url = outcome.next
            if url is None:
                return outcome
            if not belongs_to(peer, url):
                break
            if asyncio.get_running_loop().time() >= until:
                return Garbled(200, "the lists take longer than an hour")
        return Garbled(200, "the Link runs in circles or to another host")

    async def _written(self, outcome: Outcome, owner: PartyId, now: Known) -> Outcome:
        """What the provider took is so: written down here as well."""
        if isinstance(outcome, Received):
            await write_terminal(self._means.spine, owner, now)
        return outcome


def _checked(value: _T) -> _T:
    if isinstance(value, Terminal):
        checked_id("terminal_id", value.terminal_id)
    else:
        checked_id("id", value.advice.id)
    return value

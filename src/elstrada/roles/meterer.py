"""The meterer: keeps what complete sessions, and registers between them, did in each quarter of an hour.

A session's rows are made anew of all its facts whenever one of them comes behind its completion, and
replace those that were there. So late news, a crash and a log read again from its beginning all lead to
the same rows (decision 0026). What it writes changes no CDR.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, cast

import msgspec
from sqlalchemy import Table

from elstrada.billing.clock_offset import clock_offset
from elstrada.billing.metering.quarters import MOST_QUARTERS, TooLong, quarter_of, session_quarters
from elstrada.billing.trace import CLOCKS_DIFFER, NotBillable
from elstrada.model.facts import (
    MeterSampled,
    SessionCompleted,
    SessionEnded,
    SessionSeen,
    SessionStarted,
    SessionUpdated,
)
from elstrada.model.ids import owner_of
from elstrada.model.quarter import RegisterQuarter, SessionQuarter
from elstrada.roles.faults import FAULTS
from elstrada.roles.rating import Rating
from elstrada.roles.side_by_side import side_by_side
from elstrada.spine import tables as t
from elstrada.spine.clock import Clock
from elstrada.spine.face import Between, Cell, Delete, Put, Recorded, Row, Spine, SpineDown, Work
from elstrada.spine.quarters import register_row

log = logging.getLogger(__name__)

NAME = "meterer"
"""Of its cursor, for ever."""
CODE = "not-metered"
"""Of its findings; their source is ``session:<owner>/<session id>``."""
SWEEP_S = 600.0
_SWEPT_AT_ONCE = 1_000
_TOLD = (SessionStarted, SessionSeen, SessionUpdated, MeterSampled, SessionEnded)
_SAMPLE_LENGTH = 300


class _Due(NamedTuple):
    """A session whose rows are to be made, of its stream's facts up to this version."""

    stream: str
    session_id: str
    version: int
    at: datetime
    """When the last of them was recorded."""


class Meterer:
    """A follower: ``handle`` is called with the log's facts, and says what they lead to."""

    def __init__(self, spine: Spine) -> None:
        self._spine, self._rating = spine, Rating(spine)

    async def handle(self, batch: list[Recorded]) -> Work:
        """The rows of sessions that these facts complete or come too late for, and of registers."""
        writes = await side_by_side(self._session_or_tell, await self._due(batch))
        writes += await side_by_side(self._register, list(_registers(batch).items()))
        return Work(writes=tuple(write for some in writes for write in some))

    # --- sessions -----------------------------------------------------------------------------------

    async def _due(self, batch: Sequence[Recorded]) -> list[_Due]:
        """The sessions of which something is told at or behind their completion, each once."""
        completed, told = dict[tuple[str, str], Recorded](), dict[tuple[str, str], Recorded]()
        for one in batch:
            if isinstance(one.fact, SessionCompleted):
                completed[one.stream, one.fact.session_id] = one
            elif isinstance(one.fact, _TOLD) and one.fact.session_id is not None:
                told[one.stream, one.fact.session_id] = one
        late = await side_by_side(self._is_late, [one for key, one in told.items() if key not in completed])
        found = [one for one in late if one is not None]
        for key, one in completed.items():
            last = told.get(key, one)
            newest = max(one, last, key=lambda told: told.version)
            found.append(_Due(*key, newest.version, newest.at))
        return found

    async def _is_late(self, one: Recorded) -> _Due | None:
        """The session of this fact, if it was complete before it."""
        session_id = cast(str, getattr(one.fact, "session_id", None))
        row = await self._spine.get(t.session, owner=str(owner_of(one.stream)), session_id=session_id)
        if row is None or row["completed_at"] is None or cast(datetime, row["completed_at"]) > one.at:
            return None
        return _Due(one.stream, session_id, one.version, one.at)

    async def _session_or_tell(self, due: _Due) -> list[Put | Delete]:
        """As ``_session``; a fault of ours that it brings to light is its finding, and stops no other's rows."""
        try:
            return await self._session(due)
        except FAULTS as fault:
            owner = str(owner_of(due.stream))
            log.exception("session %s of %s cannot be metered", due.session_id, owner)
            says = f"it cannot be metered, by a fault of ours that the log tells: {type(fault).__name__}"
            return await self._finding(owner, due.session_id, due.at, says)

    async def _session(self, due: _Due) -> list[Put | Delete]:
        """What turns the session's rows into those that its facts make."""
        owner = str(owner_of(due.stream))
        row = await self._spine.get(t.session, owner=owner, session_id=due.session_id)
        first = cast(int, row["first_version"]) if row else 1
        recorded = await self._rating.facts(due.stream, first, due.version)
        own = [one for one in recorded if getattr(one.fact, "session_id", None) == due.session_id]
        done = next((one for one in own if isinstance(one.fact, SessionCompleted)), None)
        if done is None:
            return []  # It is complete by a fact further on, which will be read.
        # As of its CDR: by what was known when it was complete.
        ahead = clock_offset((one.fact, one.at) for one in own if one.version <= done.version).ahead
        try:
            parts = session_quarters(_station(due.stream), [one.fact for one in own], done.at, ahead)
        except NotBillable:
            return []  # The rater's finding says why.
        except TooLong as refusal:
            return await self._finding(owner, due.session_id, done.at, str(refusal)[:_SAMPLE_LENGTH])
        key = {"owner": owner, "session_id": due.session_id}
        known = await self._spine.find(t.session_quarter, key, order=("quarter",), limit=MOST_QUARTERS)
        changes = _changes(t.session_quarter, known, [key | _row(part) for part in parts])
        return [*changes, *await self._found_no_more(owner, due.session_id)]

    async def _finding(self, owner: str, session_id: str, at: datetime, reason: str) -> list[Put | Delete]:
        """What is found, unless it stands there from an earlier reading of the log."""
        key: dict[str, Cell] = {"source": f"session:{owner}/{session_id}", "code": CODE}
        known = await self._spine.get(t.finding, **key)
        if known is not None and known["sample"] == reason:
            return []
        row: dict[str, Cell] = {"sample": reason, "count": 1, "first_at": at, "last_at": at}
        return [Put(t.finding, key | row)]

    async def _found_no_more(self, owner: str, session_id: str) -> list[Delete]:
        """What takes the finding back that a session had no rows."""
        key: dict[str, Cell] = {"source": f"session:{owner}/{session_id}", "code": CODE}
        return [] if await self._spine.get(t.finding, **key) is None else [Delete(t.finding, key)]

    # --- registers ----------------------------------------------------------------------------------

    async def _register(self, item: tuple[_Place, RegisterQuarter]) -> list[Put]:
        """The register's row with what is told now."""
        (owner, station_id, evse_id, quarter), told = item
        key = {"owner": owner, "station_id": station_id, "evse_id": evse_id, "quarter": quarter}
        known = await self._spine.get(t.register_quarter, **key)
        merged = told if known is None else both(told, register_row(known))
        row = {"owner": owner, **_row(merged)}
        return [] if known is not None and _same(known, row) else [Put(t.register_quarter, row)]


_Place = tuple[str, str, int, datetime]
"""Owner, station, EVSE and quarter."""


def _registers(batch: Iterable[Recorded]) -> dict[_Place, RegisterQuarter]:
    """What these facts tell of registers without naming a session, one for each quarter."""
    found: dict[_Place, RegisterQuarter] = {}
    for one in batch:
        if not isinstance(one.fact, MeterSampled) or one.fact.session_id is not None:
            continue
        for sample in one.fact.samples:
            ahead = sample.at - one.at > CLOCKS_DIFFER
            if sample.energy_wh is None or sample.clock_suspect or ahead:
                continue
            told = RegisterQuarter(
                station_id=_station(one.stream),
                evse_id=one.fact.evse_id,
                quarter=quarter_of(sample.at),
                first_at=sample.at,
                first_wh=sample.energy_wh,
                last_at=sample.at,
                last_wh=sample.energy_wh,
            )
            place = (str(owner_of(one.stream)), told.station_id, told.evse_id, told.quarter)
            found[place] = both(told, found[place]) if place in found else told
    return found


def both(one: RegisterQuarter, other: RegisterQuarter) -> RegisterQuarter:
    """What two tellings of one quarter make together, whichever came first."""
    first = min((it.first_at, it.first_wh) for it in (one, other))
    last = max((it.last_at, it.last_wh) for it in (one, other))
    return msgspec.structs.replace(
        one, first_at=first[0], first_wh=first[1], last_at=last[0], last_wh=last[1]
    )


# --- rows -------------------------------------------------------------------------------------------


def _row(part: SessionQuarter | RegisterQuarter) -> dict[str, Cell]:
    return cast("dict[str, Cell]", msgspec.to_builtins(part, builtin_types=(datetime,)))


def _changes(table: Table, known: Sequence[Row], wanted: Sequence[dict[str, Cell]]) -> Iterator[Put | Delete]:
    """Only what differs, so that reading the log again writes nothing."""
    before = {row["quarter"]: row for row in known}
    for row in wanted:
        old = before.pop(row["quarter"], None)
        if old is None or not _same(old, row):
            yield Put(table, row)
    for row in before.values():
        yield Delete(table, {column.name: row[column.name] for column in table.primary_key})


def _same(known: Row, row: Row) -> bool:
    return all(known[name] == cell for name, cell in row.items())


def _station(stream: str) -> str:
    return stream.split("/", 2)[2]


# --- how long they are kept ---------------------------------------------------------------------------


class MeterSweep:
    """Removes rows that are older than they are kept. One of an installation at a time."""

    def __init__(self, spine: Spine, clock: Clock, keep: timedelta) -> None:
        self._spine, self._clock, self._keep = spine, clock, keep

    async def run(self) -> None:
        """Sweep until cancelled."""
        while True:
            try:
                await self.sweep()
            except SpineDown as down:
                log.warning("old quarter-hours cannot be removed now: %s", down)
            await asyncio.sleep(SWEEP_S)

    async def sweep(self) -> int:
        """Remove what is too old; returns how many rows."""
        before = self._clock.now() - self._keep
        return sum([await self._remove(table, before) for table in (t.session_quarter, t.register_quarter)])

    async def _remove(self, table: Table, before: datetime) -> int:
        removed = 0
        while True:
            old = {"quarter": Between(high=before)}
            rows = await self._spine.find(table, old, order=("quarter",), limit=_SWEPT_AT_ONCE)
            keys = [{column.name: row[column.name] for column in table.primary_key} for row in rows]
            if keys:
                await self._spine.commit(Work(writes=tuple(Delete(table, key) for key in keys)))
            removed += len(rows)
            if len(rows) < _SWEPT_AT_ONCE:
                return removed

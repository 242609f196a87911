"""The roll of stations: who may connect, and who knocked unknown. Kept in memory, so that a knock costs no I/O."""

from __future__ import annotations

from collections import Counter, OrderedDict
from datetime import datetime, timedelta

import msgspec

from elstrada.charging.trust import Credential
from elstrada.model.device import Station
from elstrada.net.face import Clock
from elstrada.spine import tables as t
from elstrada.spine.face import Between, Cell, Put, Row, RowMoved, Spine, SpineDown, Where, Work
from elstrada.spine.paging import pages

MOST_UNKNOWN = 1_000
OVERLAP = timedelta(seconds=60)
"""How long a change may take to be seen: the clocks of nodes differ, and what is written late bears an early time."""


class Roll:
    """Every station's credential and record, refreshed from the store."""

    def __init__(self, spine: Spine, clock: Clock) -> None:
        self._spine, self._clock = spine, clock
        self._by_id: dict[str, dict[str, tuple[Credential, Station]]] = {}
        self._taken: dict[tuple[str, str], datetime] = {}
        """By owner and station: the change that was taken in last."""
        self._times: Counter[datetime] = Counter()
        """How many of them changed when."""
        self._seen_until: datetime | None = None
        self._unknown: OrderedDict[str, dict[str, Cell]] = OrderedDict()
        """Knocks that are not on record yet, by identity."""

    def credentials(self, station_id: str, owner: str | None) -> list[Credential]:
        """The stations that answer to this identity: one, unless several owners use it."""
        return [credential for credential, _ in self._of(station_id, owner)]

    def station(self, owner: str, station_id: str) -> Station | None:
        found = self._by_id.get(station_id, {}).get(owner)
        return found[1] if found else None

    def offered(self, owner: str, station_id: str) -> bool:
        """Is a new password on its way to the station?"""
        found = self._by_id.get(station_id, {}).get(owner)
        return found is not None and found[0].next_hash is not None

    def owners(self) -> set[str]:
        """The parties that have stations."""
        return {owner for stations in self._by_id.values() for owner in stations}

    def __len__(self) -> int:
        return sum(len(stations) for stations in self._by_id.values())

    async def refresh(self) -> None:
        """Take in the records that changed since the last time."""
        since = None if self._seen_until is None else self._seen_until - OVERLAP
        where: Where = {} if since is None else {"changed_at": Between(since)}
        if await self._nothing_new(where, since):
            return
        async for rows in pages(self._spine, t.station, where, ("changed_at",)):
            for row in rows:
                self._take(row)

    async def _nothing_new(self, where: Where, since: datetime | None) -> bool:
        """Do the records bear just the times of those that were taken in?"""
        found = await self._spine.count(t.station, where, by=("changed_at",))
        known = {at: count for at, count in self._times.items() if since is None or at >= since}
        return {row["changed_at"]: row["count"] for row in found} == known

    def knocked_unknown(self, station_id: str, remote: str, protocols: str, reason: str) -> None:
        """Remember somebody who is not on the roll, for adoption."""
        now = self._clock.now()
        before = self._unknown.pop(station_id, None)
        self._unknown[station_id] = {
            "station_id": station_id,
            "remote": remote,
            "protocols": protocols[:100],
            "reason": reason,
            "count": 1,
            "first_at": now,
            "last_at": now,
        }
        if before is not None:
            self._unknown[station_id] = _later(before, self._unknown[station_id])
        if len(self._unknown) > MOST_UNKNOWN:
            self._unknown.popitem(last=False)

    async def save_unknown(self) -> None:
        """Add who knocked since the last time to the record; at most ``MOST_UNKNOWN`` rows are kept in all."""
        room = MOST_UNKNOWN
        rows = await self._spine.find(t.unknown_station, limit=room)
        known = {str(row["station_id"]): row for row in rows}
        knocks, self._unknown = self._unknown, OrderedDict()
        fits = {name: knock for name, knock in knocks.items() if name in known or len(known) < room}
        try:
            if fits:
                await self._spine.commit(
                    Work(writes=tuple(_added(known.get(name), knock) for name, knock in fits.items()))
                )
        except (RowMoved, SpineDown) as problem:  # Another node wrote one of them meanwhile, or nobody can.
            for name, knock in fits.items():
                newer = self._unknown.get(name)
                self._unknown[name] = knock if newer is None else _later(knock, newer)
            if isinstance(problem, SpineDown):
                raise

    async def keep(self) -> None:
        """Take in what is new, and write down who knocked unknown."""
        await self.refresh()
        if self._unknown:
            await self.save_unknown()

    def _of(self, station_id: str, owner: str | None) -> list[tuple[Credential, Station]]:
        stations = self._by_id.get(station_id, {})
        return [found for name, found in stations.items() if owner is None or name == owner]

    def _take(self, row: Row) -> None:
        owner, station_id, changed_at = str(row["owner"]), str(row["station_id"]), row["changed_at"]
        assert isinstance(changed_at, datetime)
        before = self._taken.get((owner, station_id))
        if before == changed_at:
            return
        password_hash = row["password_hash"]
        assert password_hash is None or isinstance(password_hash, bytes)
        record = msgspec.json.decode(str(row["document"]), type=Station)
        next_hash = row.get("password_next_hash")
        assert next_hash is None or isinstance(next_hash, bytes)
        credential = Credential(
            owner, station_id, password_hash, record.security, record.hex_password, next_hash
        )
        self._by_id.setdefault(station_id, {})[owner] = (credential, record)
        self._taken[owner, station_id] = changed_at
        self._times[changed_at] += 1
        if before is not None:
            self._times[before] -= 1
            if not self._times[before]:
                del self._times[before]
        self._seen_until = max(changed_at, self._seen_until or changed_at)
        self._unknown.pop(station_id, None)


def _later(before: Row, now: Row) -> dict[str, Cell]:
    """The later knocks of a stranger, counted with those before."""
    counts = before["count"], now["count"]
    assert isinstance(counts[0], int)
    assert isinstance(counts[1], int)
    return {**now, "count": counts[0] + counts[1], "first_at": before["first_at"]}


def _added(known: Row | None, knock: Row) -> Put:
    """The record with these knocks, if it is still as it was read: several nodes hear the same stranger."""
    if known is None:
        return Put(t.unknown_station, knock, {})
    return Put(t.unknown_station, _later(known, knock), {"count": known["count"]})

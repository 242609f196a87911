"""Keeps the stations' mirrors: what each has in store, as it last told (``model.mirror``).

Records, not facts: a station can be asked again at any time, and a device model has hundreds of values.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.mirror import Adjusted, Cleared, Expected, Item, ItemKind, Learned, Part, Stream, Variable
from elstrada.model.profile import Profile
from elstrada.net.face import Clock
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Between, Cell, Delete, Put, Row, Spine, Work

MOST_ITEMS = 20_000
"""Kept of one station: a large device model has about 2,000 variables."""
_MOST_OF = {
    ItemKind.EVENT_STREAM: 100,
    ItemKind.CUSTOMER_INFORMATION: 1_000,
    ItemKind.BUYER: 1_000,
    ItemKind.VENDOR_DATA: 100,
    ItemKind.EV_NEEDS: 1_000,
    ItemKind.EV_SCHEDULE: 1_000,
    ItemKind.PRIORITY_CHARGING: 1_000,
    ItemKind.ALLOWED_TRANSFER: 1_000,
}
"""Of kinds that a station makes by itself."""
_OF_SESSIONS = (
    ItemKind.CHARGING_PROFILE,
    ItemKind.EV_NEEDS,
    ItemKind.EV_SCHEDULE,
    ItemKind.PRIORITY_CHARGING,
    ItemKind.ALLOWED_TRANSFER,
)
"""Gone with its session is what is of one."""
CUSTOMER_KEPT = timedelta(days=30)
"""How long what a station knows of a customer is kept: whoever asked for it has read it by then."""
MAX_KEY = 400
"""Characters of a key: twice what the longest legal names come to."""
MOST_PARTS = 10_000
"""Messages of one report."""
SAME_REPORT = timedelta(minutes=1)
"""A report's first message may overtake the answer that promised the report by this much."""

_FOR_CARS, _MOST_FOR_CARS = "ISO15118Ctrlr", 1_000
"""The component that speaks with cars, and its variables, each at any EVSE."""

_encode = msgspec.json.Encoder().encode
_variable = msgspec.json.Decoder(Variable).decode
_stream = msgspec.json.Decoder(Stream).decode
_document = msgspec.json.Decoder(dict[str, object], float_hook=Decimal).decode
_profile = msgspec.json.Decoder(Profile).decode
_numbers = msgspec.json.Decoder(list[int]).decode
_Value = TypeVar("_Value")


class _Writes(msgspec.Struct):
    """What one message changes."""

    station: dict[str, Cell]
    now: datetime
    puts: dict[tuple[str, str], Put] = {}
    deletes: dict[tuple[str, str], Delete] = {}
    reports: list[Put] = []
    left_out: int = 0

    def put(self, kind: ItemKind, key: str, document: str) -> None:
        row = {**self.station, "kind": kind.value, "key": key, "document": document, "reported_at": self.now}
        self.puts[kind.value, key] = Put(t.station_item, row)

    def delete(self, kind: str, key: str) -> None:
        """Unless the same message says that it is there."""
        if (kind, key) not in self.puts:
            self.deletes[kind, key] = Delete(t.station_item, {**self.station, "kind": kind, "key": key})


class Mirror:
    """The only writer of the mirrors of the stations connected here."""

    def __init__(self, spine: Spine, clock: Clock) -> None:
        self._spine, self._clock = spine, clock
        self._turns: dict[tuple[str, str], tuple[asyncio.Lock, int]] = {}
        """By owner and station: the lock, and how many hold it or wait for it."""

    async def take(self, owner: PartyId, station_id: str, learned: Learned) -> int:
        """Keep what a message told, durably.

        Returns:
            How many things were left out: a mirror holds ``MOST_ITEMS``, and a key ``MAX_KEY`` characters.
        Raises:
            SpineDown: nothing was kept.
        """
        async with self._turn(str(owner), station_id):
            writes = _Writes({"owner": str(owner), "station_id": station_id}, self._clock.now())
            await self._items(writes, learned.items)
            for kind, key in learned.gone:
                writes.delete(kind.value, key)
            for cleared in learned.cleared:
                await self._clear(writes, cleared)
            if learned.adjusted is not None:
                await self._adjust(writes, learned.adjusted)
            for kind in learned.replaces:
                await self._forget(writes, {"kind": kind.value})
            await self._report(writes, learned)
            work = (*writes.puts.values(), *writes.deletes.values(), *writes.reports)
            if work:
                await self._spine.commit(Work(writes=work))
            return writes.left_out

    async def erase_old(self) -> int:
        """Erase what is kept of customers for long enough.

        Returns:
            How many pieces of it.
        Raises:
            SpineDown: nothing was erased.
        """
        where = {
            "kind": AnyOf((ItemKind.CUSTOMER_INFORMATION.value, ItemKind.BUYER.value)),
            "reported_at": Between(high=self._clock.now() - CUSTOMER_KEPT),
        }
        rows = await self._spine.find(t.station_item, where, limit=MOST_ITEMS)
        names = [column.name for column in t.station_item.primary_key]
        if rows:
            erased = tuple(Delete(t.station_item, {name: row[name] for name in names}) for row in rows)
            await self._spine.commit(Work(writes=erased))
        return len(rows)

    async def profiles(self, owner: PartyId, station_id: str) -> tuple[Profile, ...]:
        """The charging profiles in a station, as far as known."""
        where = {"owner": str(owner), "station_id": station_id, "kind": ItemKind.CHARGING_PROFILE.value}
        rows = await self._spine.find(t.station_item, where, order=("key",), limit=MOST_ITEMS)
        return tuple(_profile(str(row["document"])) for row in rows)

    async def profiles_told_since(self, owner: PartyId, station_id: str, at: datetime) -> frozenset[int]:
        """Numbers of the profiles that a station told of, or took, since then."""
        where = {"kind": ItemKind.CHARGING_PROFILE.value, "reported_at": Between(at)}
        key = {"owner": str(owner), "station_id": station_id}
        rows = await self._spine.find(t.station_item, {**key, **where}, limit=MOST_ITEMS)
        return frozenset(_profile(str(row["document"])).id for row in rows)

    async def has_told(self, owner: PartyId, station_id: str, kind: ItemKind, request_id: int) -> bool:
        """Has a report come whole?"""
        key = {"owner": str(owner), "station_id": station_id, "kind": kind.value, "request_id": request_id}
        row = await self._spine.get(t.station_report, **key)
        return row is not None and row["complete_at"] is not None

    async def settled(self, owner: PartyId, station_id: str) -> None:
        """Wait until what a station told before is kept: an answer to us may be on its way into the mirror."""
        async with self._turn(str(owner), station_id):
            pass

    async def of_sessions(self, owner: PartyId, station_id: str) -> tuple[tuple[ItemKind, str, str], ...]:
        """What lies in a station for its sessions, or may do so: kind, key and document."""
        kinds = AnyOf(tuple(kind.value for kind in _OF_SESSIONS))
        where = {"owner": str(owner), "station_id": station_id, "kind": kinds}
        rows = await self._spine.find(t.station_item, where, order=("kind", "key"), limit=MOST_ITEMS)
        return tuple((ItemKind(str(row["kind"])), str(row["key"]), str(row["document"])) for row in rows)

    async def profile(self, owner: PartyId, station_id: str, profile_id: int) -> Profile | None:
        """One of them."""
        key = {"kind": ItemKind.CHARGING_PROFILE.value, "key": str(profile_id)}
        row = await self._spine.get(t.station_item, owner=str(owner), station_id=station_id, **key)
        return None if row is None else _profile(str(row["document"]))

    async def secc_ids(self, owner: PartyId, station_id: str) -> frozenset[str]:
        """As a station calls itself to cars, at any of its EVSEs (ISO15118Ctrlr.SeccId); none if it did not say."""
        where = {"owner": str(owner), "station_id": station_id, "kind": ItemKind.VARIABLE.value}
        keys = Between(_FOR_CARS, f"{_FOR_CARS}~")
        rows = await self._spine.find(t.station_item, {**where, "key": keys}, limit=_MOST_FOR_CARS)
        told = (_variable(str(row["document"])) for row in rows)
        values = (one.attributes[0].value for one in told if one.name == "SeccId" and one.attributes)
        return frozenset(value for value in values if value)

    @asynccontextmanager
    async def _turn(self, owner: str, station_id: str) -> AsyncGenerator[None]:
        """One message of a station after the other: each looks at what the one before left."""
        key = (owner, station_id)
        turn, users = self._turns.get(key) or (asyncio.Lock(), 0)
        self._turns[key] = (turn, users + 1)
        try:
            async with turn:
                yield
        finally:
            # A lock that is free may be about to go to one that waits: only its users tell whether it is needed.
            turn, users = self._turns.pop(key)
            if users > 1:
                self._turns[key] = (turn, users - 1)

    async def _items(self, writes: _Writes, items: Iterable[Item]) -> None:
        told = {(item.kind, item.key): item for item in items if len(item.key) <= MAX_KEY}
        writes.left_out = sum(1 for item in items if len(item.key) > MAX_KEY)
        if not told:
            return
        known = await self._known(writes, told)
        room = await self._room(writes)
        for (kind, key), item in told.items():
            older = known.get((kind.value, key))
            if older is None and not room.take(kind):
                writes.left_out += 1
                continue
            document = _onto(item, older)
            if document is None:
                writes.left_out += 1
            else:
                writes.put(kind, key, document)

    async def _known(
        self, writes: _Writes, told: Mapping[tuple[ItemKind, str], Item]
    ) -> dict[tuple[str, str], str]:
        """The documents there are of what was told, by kind and key."""
        found = dict[tuple[str, str], str]()
        for kind in {kind for kind, _ in told}:
            keys = tuple(key for of, key in told if of is kind)
            where = {**writes.station, "kind": kind.value, "key": AnyOf(keys)}
            rows = await self._spine.find(t.station_item, where, limit=len(keys))
            found |= {(kind.value, str(row["key"])): str(row["document"]) for row in rows}
        return found

    async def _room(self, writes: _Writes) -> _Room:
        rows = await self._spine.count(t.station_item, writes.station, by=("kind",))
        return _Room({str(row["kind"]): _integer(row["count"]) for row in rows})

    async def _clear(self, writes: _Writes, cleared: Cleared) -> None:
        where = {**writes.station, "kind": cleared.kind.value}
        for row in await self._spine.find(t.station_item, where, limit=MOST_ITEMS):
            document = _document(str(row["document"]))
            if all(document.get(name) == value for name, value in cleared.fields):
                writes.delete(cleared.kind.value, str(row["key"]))

    async def _adjust(self, writes: _Writes, adjusted: Adjusted) -> None:
        key = {"kind": ItemKind.CHARGING_PROFILE.value, "key": str(adjusted.profile_id)}
        row = await self._spine.get(t.station_item, **writes.station, **key)
        if row is not None:
            profile = _profile(str(row["document"])).adjusted(adjusted.update.encode())
            writes.put(ItemKind.CHARGING_PROFILE, key["key"], _encode(profile).decode())

    async def _forget(self, writes: _Writes, where: Mapping[str, Cell | Between]) -> None:
        rows = await self._spine.find(t.station_item, {**writes.station, **where}, limit=MOST_ITEMS)
        for row in rows:
            writes.delete(str(row["kind"]), str(row["key"]))

    # --- reports ----------------------------------------------------------------------------------------

    async def _report(self, writes: _Writes, learned: Learned) -> None:
        if learned.expected is not None:
            before = await self._begun(writes, learned.expected)
            row = _promised(writes, learned.expected, before)
        elif learned.part is not None:
            before = await self._begun(writes, learned.part)
            if learned.part.seq_no is not None and learned.part.seq_no >= MOST_PARTS:
                writes.left_out += 1
                return
            row = _continued(writes, learned.part, before, len(learned.items))
        else:
            return
        if _tells_all(row) and not _tells_all(before):
            earlier = Between(high=row["began_at"])
            await self._forget(writes, {"kind": row["kind"], "reported_at": earlier})
        writes.reports.append(Put(t.station_report, row))

    async def _begun(self, writes: _Writes, report: Expected | Part) -> Row | None:
        key = {**writes.station, "kind": report.kind.value, "request_id": report.request_id}
        return await self._spine.get(t.station_report, **key)


class _Room:
    """How much more a mirror holds."""

    def __init__(self, counts: dict[str, int]) -> None:
        self._counts, self._all = counts, sum(counts.values())

    def take(self, kind: ItemKind) -> bool:
        """Take the room of one thing; False: there is none."""
        count = self._counts.get(kind.value, 0)
        if self._all >= MOST_ITEMS or count >= _MOST_OF.get(kind, MOST_ITEMS):
            return False
        self._counts[kind.value], self._all = count + 1, self._all + 1
        return True


def _onto(item: Item, older: str | None) -> str | None:
    """What is kept of a thing told anew: variables and streams are told in parts, all else is told whole.

    Returns:
        None: it is a part of something that was never told.
    """
    match item.kind:
        case ItemKind.VARIABLE if older is not None:
            return _encode(_variable(item.document).onto(_variable(older))).decode()
        case ItemKind.EVENT_STREAM if older is not None:
            return _encode(_stream(item.document).onto(_stream(older))).decode()
        case ItemKind.EVENT_STREAM if _stream(item.document).monitor is None:
            return None
        case _:
            return item.document


def _promised(writes: _Writes, expected: Expected, before: Row | None) -> dict[str, Cell]:
    """The report's row, once the station has agreed to make it; numbers of requests are used again."""
    if before is not None and _is_recent(before["began_at"], writes.now):
        return {**before, "whole": expected.whole}
    return _new_report(writes, expected.kind, expected.request_id, whole=expected.whole)


def _continued(writes: _Writes, part: Part, before: Row | None, items: int) -> dict[str, Cell]:
    """The report's row with one message more. Without numbers, messages come in order."""
    row = dict(before) if before else _new_report(writes, part.kind, part.request_id, whole=False)
    parts = _numbers(str(row["parts"]))
    number = len(parts) if part.seq_no is None else part.seq_no
    if number not in parts and len(parts) < MOST_PARTS:
        parts.append(number)
        row["items"] = _integer(row["items"]) + items
    if part.last:
        row["last"] = max(number, -1 if row["last"] is None else _integer(row["last"]))
    row["parts"] = _encode(parts).decode()
    # Each number stands there once, so as many as the highest says are all of them.
    if row["complete_at"] is None and row["last"] is not None and len(parts) == max(parts) + 1:
        row["complete_at"] = writes.now
    return row


def _new_report(writes: _Writes, kind: ItemKind, request_id: int, *, whole: bool) -> dict[str, Cell]:
    return {
        **writes.station,
        "kind": kind.value,
        "request_id": request_id,
        "whole": whole,
        "parts": "[]",
        "last": None,
        "items": 0,
        "began_at": writes.now,
        "complete_at": None,
    }


def _tells_all(report: Row | None) -> bool:
    """Has it come whole, and was everything of its kind asked for?"""
    return report is not None and report["complete_at"] is not None and report["whole"] is True


def _is_recent(at: Cell, now: datetime) -> bool:
    return isinstance(at, datetime) and now - at <= SAME_REPORT


def _integer(cell: Cell) -> int:
    assert isinstance(cell, int), "a column of numbers"
    return cell

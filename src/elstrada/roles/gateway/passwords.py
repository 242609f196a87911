"""A station's new password: written down before anybody is told, and beside the old one until it is known which holds.

Source: OCPP 1.6 security whitepaper and OCPP 2.0.1 part 2, A01; neither says what holds when no answer comes (T5).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec

from elstrada.model.device import CommandResult
from elstrada.model.facts import StationPasswordChanged
from elstrada.model.ids import PartyId, station_security_stream
from elstrada.model.security import NewPassword, PasswordStep
from elstrada.net.face import Clock
from elstrada.roles.keys import Keys
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Cell, Put, Row, RowMoved, Spine, StreamMoved, Work

OLD_PASSWORD = "came with the old password"  # noqa: S105  A finding, no secret.
UNSETTLED = "password change is not settled"
KEY_BYTES = 20
"""OCPP 1.6 takes at most so many, as 40 hexadecimal digits; OCPP 2.x takes those 40 characters."""
_MOST_TRIES = 3
_NEXT = ("password_next_hash", "password_next_sealed", "password_next_at", "password_next_told")
_SETTLED: dict[str, Cell] = dict.fromkeys(_NEXT)

_Change = tuple[dict[str, Cell], PasswordStep | None]


class NotOffered(Exception):
    """No new password can be offered; the text says why."""


class Told(msgspec.Struct, frozen=True):
    """What a station is about to be told."""

    secret: str
    next_hash: bytes
    first: bool
    """It was never told before, so that its no is certain."""

    def __repr__(self) -> str:
        return "Told(***)"


class Passwords:
    """Changes the passwords in the record of stations, each change with its fact.

    Nothing that the station may have is forgotten before it is certain that it has something else, and there
    are never more than two: while one is offered, that one is told again. Each method raises SpineDown if it
    is not known whether it was done.
    """

    def __init__(self, spine: Spine, keys: Keys, clock: Clock) -> None:
        self._spine, self._keys, self._clock = spine, keys, clock

    async def offer(self, owner: PartyId, station_id: str, entropy: str, *, anew: bool = False) -> str | None:
        """Write a new password down beside the old one; None if there is no such station.

        Args:
            entropy: at least 160 random bits as text.
            anew: also if the station has accepted one that it has not come with.
        Returns:
            40 hexadecimal digits: the new one, or the one that is offered already.
        Raises:
            NotOffered: the station has accepted another, and must come with it first.
        """
        key = key_of(entropy)
        secret = [key.hex()]

        def change(row: Row) -> _Change | None:
            sealed, before = row["password_next_sealed"], row["password_next_hash"]
            if isinstance(sealed, bytes):
                secret[0] = self._keys.unseal(sealed, _named(owner, station_id))
                return None
            if before is not None and not anew:
                raise NotOffered("it has accepted a new password, and has not come with it yet")
            offered: dict[str, Cell] = {
                "password_next_hash": self._keys.station_hash(station_id, key),
                "password_next_sealed": self._keys.seal(secret[0], _named(owner, station_id)),
                "password_next_at": self._clock.now(),
                "password_next_told": 0,
            }
            if before is not None:
                offered["password_hash"] = before
            return offered, PasswordStep.OFFERED

        return secret[0] if await self._changed(owner, station_id, change) else None

    async def telling(self, owner: PartyId, station_id: str) -> Told | None:
        """The station is about to be told what it was offered; None if that is nothing."""
        told: list[Told] = []

        def change(row: Row) -> _Change | None:
            told.clear()
            sealed, next_hash, before = (
                row["password_next_sealed"],
                row["password_next_hash"],
                row["password_next_told"],
            )
            if not isinstance(sealed, bytes) or not isinstance(next_hash, bytes):
                return None
            count = before if isinstance(before, int) else 0
            told.append(Told(self._keys.unseal(sealed, _named(owner, station_id)), next_hash, count == 0))
            return {"password_next_told": count + 1}, None

        await self._changed(owner, station_id, change)
        return told[0] if told else None

    async def told(self, owner: PartyId, station_id: str, told: Told, result: CommandResult) -> bool:
        """A station was told, and this came of it. False if that is neither a clear yes nor a clear no.

        A no to what was told before without an answer is not clear: the station may have it already.
        """
        if result is CommandResult.ACCEPTED:
            await self._settled(owner, station_id, told, PasswordStep.ACCEPTED)
        elif result in _NO and told.first:
            await self._settled(owner, station_id, told, PasswordStep.REFUSED)
        else:
            return False
        return True

    async def used(self, owner: PartyId, station_id: str, new: NewPassword) -> None:
        """A station came with what it was offered, as it shows it: that is its password now."""

        def change(row: Row) -> _Change | None:
            if row["password_next_hash"] != new.offered:
                return None
            return {**_SETTLED, "password_hash": new.shown}, PasswordStep.USED

        await self._changed(owner, station_id, change)

    async def withdraw(self, owner: PartyId, station_id: str) -> None:
        """Take back what was offered and never told."""

        def change(row: Row) -> _Change | None:
            if row["password_next_told"] != 0:
                return None
            return _SETTLED, PasswordStep.REFUSED

        await self._changed(owner, station_id, change)

    async def _settled(self, owner: PartyId, station_id: str, told: Told, step: PasswordStep) -> None:
        def change(row: Row) -> _Change | None:
            if row["password_next_hash"] != told.next_hash or row["password_next_sealed"] is None:
                return None  # It has come with it meanwhile.
            if step is PasswordStep.REFUSED:
                return _SETTLED, step
            # The old one goes. Whether the station shows bytes or their text is seen when it comes (rule 7).
            return {"password_hash": None, "password_next_sealed": None}, step

        await self._changed(owner, station_id, change)

    async def _changed(
        self, owner: PartyId, station_id: str, change: Callable[[Row], _Change | None]
    ) -> bool:
        """Change the record if ``change`` wants it; False if there is none."""
        for left in reversed(range(_MOST_TRIES)):
            row = await self._spine.get(t.station, owner=str(owner), station_id=station_id)
            if row is None:
                return False
            wanted = change(row)
            if wanted is None:
                return True
            try:
                await self._spine.commit(await self._work(owner, station_id, row, wanted))
            except (RowMoved, StreamMoved):
                if not left:
                    raise
            else:
                return True
        raise AssertionError("the last try returns or raises")

    async def _work(self, owner: PartyId, station_id: str, row: Row, wanted: _Change) -> Work:
        columns, step = wanted
        key: Row = {"owner": str(owner), "station_id": station_id}
        expected = {name: row[name] for name in ("password_hash", *_NEXT)}
        put = Put(t.station, {**key, **columns, "changed_at": self._clock.now()}, expected)
        if step is None:
            return Work(writes=(put,))
        stream = station_security_stream(owner, station_id)
        version = await self._spine.version(stream)
        return Work(appends=(Append(stream, version, (StationPasswordChanged(step),)),), writes=(put,))


_NO = frozenset(
    {CommandResult.REJECTED, CommandResult.NOT_SUPPORTED, CommandResult.UNKNOWN, CommandResult.OFFLINE}
)
"""With these a station surely has not taken it, or was not told."""


def key_of(entropy: str) -> bytes:
    """A password as bytes, made of at least 160 random bits as text."""
    return hashlib.sha256(entropy.encode()).digest()[:KEY_BYTES]


def _named(owner: PartyId, station_id: str) -> str:
    """The record in which the offered password is sealed."""
    return f"station/{owner}/{station_id}"

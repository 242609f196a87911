"""Stations' secrets for the codes on their displays: sealed, and two while it is not certain which holds."""

from __future__ import annotations

from typing import cast

import msgspec
from cryptography.exceptions import InvalidTag

from elstrada.model.ids import PartyId
from elstrada.net.face import Clock
from elstrada.ocpp.webpay import is_good
from elstrada.roles.keys import Keys
from elstrada.spine import tables as t
from elstrada.spine.face import Delete, Put, Row, Spine, Work


class Offered(msgspec.Struct, frozen=True):
    """A secret that a station is about to be told, and what was there before."""

    row: Row
    before: Row | None

    def __repr__(self) -> str:
        return "Offered(***)"


class WebSecrets:
    """Keeps them. Each method raises SpineDown if it is not known whether it was done."""

    def __init__(self, spine: Spine, keys: Keys, clock: Clock) -> None:
        self._spine, self._keys, self._clock = spine, keys, clock

    async def offer(
        self, owner: PartyId, station_id: str, secret: str, *, valid_s: int, length: int
    ) -> Offered:
        """Write a new one down beside the old one, before the station is told."""
        before = await self._row(owner, station_id)
        row: Row = {
            "owner": str(owner),
            "station_id": station_id,
            "sealed": self._keys.seal(secret, _named(owner, station_id)),
            "former": before["sealed"] if before is not None else None,
            "valid_s": valid_s,
            "length": length,
            "changed_at": self._clock.now(),
        }
        expected: Row = {} if before is None else {"sealed": before["sealed"]}
        await self._spine.commit(Work(writes=(Put(t.web_secret, row, expected),)))
        return Offered(row, before)

    async def settle(self, offered: Offered, *, taken: bool) -> None:
        """The station has it, or surely has not."""
        expected = {"sealed": offered.row["sealed"]}
        if taken:
            write: Put | Delete = Put(t.web_secret, {**offered.row, "former": None}, expected)
        elif offered.before is not None:
            write = Put(t.web_secret, dict(offered.before), expected)
        else:
            key = {name: offered.row[name] for name in ("owner", "station_id")}
            write = Delete(t.web_secret, key, expected)
        await self._spine.commit(Work(writes=(write,)))

    async def is_good(self, owner: PartyId, station_id: str, shown: str) -> bool:
        """Is this what the station shows now?"""
        row = await self._row(owner, station_id)
        if row is None:
            return False
        now, good = self._clock.now(), False
        valid_s, length = cast(int, row["valid_s"]), cast(int, row["length"])
        for sealed in (row["sealed"], row["former"]):
            if isinstance(sealed, bytes):
                try:
                    secret = self._keys.unseal(sealed, _named(owner, station_id))
                except InvalidTag:
                    continue
                good |= is_good(shown, secret, now, valid_s=valid_s, length=length)
        return good

    async def _row(self, owner: PartyId, station_id: str) -> Row | None:
        return await self._spine.get(t.web_secret, owner=str(owner), station_id=station_id)


def _named(owner: PartyId, station_id: str) -> str:
    """The record in which it is sealed."""
    return f"web_secret/{owner}/{station_id}"

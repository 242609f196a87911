"""Relays: addresses of the hub, each in the place of one of a party's, so that what comes later comes through it too.

A command's result goes to an address that is good once; a list's next page or a CDR may be got again. That of a
reservation is good once more: the CPO may take back what it gave (OCPI 2.2.1 mod_commands).
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from elstrada.model.ids import PartyId
from elstrada.ocpi.hub import relay_url
from elstrada.ocpi.v221.commands import ResultType
from elstrada.roles.roaming.means import Means
from elstrada.spine import tables as t
from elstrada.spine.face import Between, Delete, Put, Row, RowMoved, Work

RESULT, PLACE = "result", "place"
RESERVATION, RESERVED = "reservation", "reserved"
"""Of a RESERVE_NOW: its result is awaited; it was given, and may be taken back."""
METHODS = {PLACE: "GET", **dict.fromkeys((RESULT, RESERVATION, RESERVED), "POST")}
_RESULTS_FOR, _PLACES_FOR, _RESERVED_FOR = timedelta(days=1), timedelta(days=90), timedelta(days=31)
_GIVEN = frozenset({ResultType.ACCEPTED.value, ResultType.TIMEOUT.value})
"""Results after which there is a reservation, or may be."""
_MOST_FORGOTTEN = 50


class Relay(msgspec.Struct, frozen=True, kw_only=True):
    """Whose address stands for whose."""

    hub: PartyId
    kind: str
    user_peer: str
    """The platform that may call it, in the name of ``user``."""
    user: PartyId
    peer_id: str
    """The platform behind it, of ``party``."""
    party: PartyId
    module: str
    url: str
    until: datetime | None = None
    """When a reservation ends; None: it is none, or does not say."""


class Relays:
    """Keeps them."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def made(self, relay: Relay, version: str) -> str:
        """A new address.

        Args:
            version: in which it will be called.
        """
        now, address_id = self._means.clock.now(), self._means.chance.uuid()
        expires_at = now + (_PLACES_FOR if relay.kind == PLACE else _RESULTS_FOR)
        if relay.until is not None:
            expires_at = min(max(expires_at, relay.until), now + _RESERVED_FOR)
        row: Row = {
            "owner": str(relay.hub),
            "address_id": address_id,
            "kind": relay.kind,
            "user_peer": relay.user_peer,
            "user_party": str(relay.user),
            "peer_id": relay.peer_id,
            "party": str(relay.party),
            "module": relay.module,
            "url": relay.url,
            "expires_at": expires_at,
        }
        old = await self._means.spine.find(
            t.hub_address,
            {"owner": str(relay.hub), "expires_at": Between(high=now)},
            order=("expires_at",),
            limit=_MOST_FORGOTTEN,
        )
        forgotten = (
            Delete(t.hub_address, {"owner": one["owner"], "address_id": one["address_id"]}) for one in old
        )
        await self._means.spine.commit(Work(writes=(Put(t.hub_address, row, {}), *forgotten)))
        return relay_url(self._means.public_url, version, address_id)

    async def find(self, hub: PartyId, address_id: str) -> Relay | None:
        row = await self._means.spine.get(t.hub_address, owner=str(hub), address_id=address_id)
        if row is None:
            return None
        expires_at = row["expires_at"]
        assert isinstance(expires_at, datetime)
        if expires_at <= self._means.clock.now():
            return None
        return Relay(
            hub=hub,
            kind=str(row["kind"]),
            user_peer=str(row["user_peer"]),
            user=PartyId.parse(str(row["user_party"])),
            peer_id=str(row["peer_id"]),
            party=PartyId.parse(str(row["party"])),
            module=str(row["module"]),
            url=str(row["url"]),
        )

    async def claim(self, relay: Relay, address_id: str, result: str | None) -> bool:
        """Use an address up. Only who succeeds may pass the result on, so that it arrives once (R-54)."""
        if relay.kind == RESERVED and result != ResultType.CANCELED_RESERVATION:
            return False
        key: Row = {"owner": str(relay.hub), "address_id": address_id}
        was: Row = {"kind": relay.kind}
        used: Put | Delete = Delete(t.hub_address, key, was)
        if relay.kind == RESERVATION and result in _GIVEN:
            used = Put(t.hub_address, {**key, "kind": RESERVED}, was)
        try:
            await self._means.spine.commit(Work(writes=(used,)))
        except RowMoved:
            return False
        return True

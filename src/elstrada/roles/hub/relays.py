"""Relays: addresses of the hub, each in the place of one of a party's, so that what comes later comes through it too.

A command's result goes to an address that is good once; a list's next page or a CDR may be got again.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from elstrada.model.ids import PartyId
from elstrada.ocpi.hub import relay_url
from elstrada.roles.roaming.means import Means
from elstrada.spine import tables as t
from elstrada.spine.face import Between, Delete, Put, Row, RowMoved, Work

RESULT, PLACE = "result", "place"
_RESULTS_FOR, _PLACES_FOR = timedelta(days=1), timedelta(days=90)
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
        lasts = _RESULTS_FOR if relay.kind == RESULT else _PLACES_FOR
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
            "expires_at": now + lasts,
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

    async def claim(self, hub: PartyId, address_id: str) -> bool:
        """Use an address up. Only who succeeds may pass the result on, so that it arrives once (R-54)."""
        key: Row = {"owner": str(hub), "address_id": address_id}
        try:
            await self._means.spine.commit(Work(writes=(Delete(t.hub_address, key, {"kind": RESULT}),)))
        except RowMoved:
            return False
        return True

"""How a hub is connected to its parties: what follows from who is registered, and who is silent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.party import ClientInfo, ClientReason, ConnectionStatus, Peer, PeerState, Role

ClientKey = tuple[PartyId, Role]


class Known(msgspec.Struct, frozen=True):
    """A party in one of its roles, and why its status is what it is."""

    client: ClientInfo
    reason: ClientReason

    @property
    def key(self) -> ClientKey:
        return self.client.party, self.client.role


class Standing(msgspec.Struct, frozen=True):
    """What a party's status should be, and why."""

    status: ConnectionStatus
    reason: ClientReason


_GONE = Standing(ConnectionStatus.SUSPENDED, ClientReason.ENDED)


def standings(owner: PartyId, peers: Iterable[Peer], silent: Collection[str]) -> dict[ClientKey, Standing]:
    """How the hub ``owner`` is connected to each role of the parties of its peers.

    Args:
        peers: of the hub, in whatever state.
        silent: ids of those that did not answer when they were last asked.
    """
    found: dict[ClientKey, Standing] = {}
    for peer in sorted(peers, key=lambda peer: (peer.state is PeerState.ACTIVE, peer.id not in silent)):
        if peer.state is PeerState.INVITED:
            continue  # Nobody knows yet for whom it will speak.
        for entry in peer.roles:
            if entry.role is not Role.HUB and entry.party != owner:
                found[entry.party, entry.role] = _of_peer(peer, silent)
    return found


def changes(
    known: Iterable[Known], wanted: Mapping[ClientKey, Standing], now: datetime
) -> Iterator[tuple[ClientInfo, ClientReason]]:
    """What is to be noted, so that what is known is as it should be; an operator's order stays."""
    before = {one.key: one for one in known}
    for key in sorted(wanted.keys() | before.keys()):
        one = before.get(key)
        if one is not None and one.reason is ClientReason.OPERATOR:
            continue
        standing = wanted.get(key, _GONE)
        if one is None or one.client.status is not standing.status:
            yield changed(key, one, standing, now)


def changed(
    key: ClientKey, before: Known | None, standing: Standing, now: datetime
) -> tuple[ClientInfo, ClientReason]:
    """The new state of a party, dated so that whoever is told takes it for newer (R-34)."""
    reason = standing.reason
    if reason is ClientReason.REGISTERED and before is not None:
        was_silent = before.client.status is ConnectionStatus.OFFLINE
        reason = ClientReason.HEARD if was_silent else reason
    # The wire carries milliseconds.
    at = now if before is None else max(now, before.client.last_updated + timedelta(milliseconds=1))
    party, role = key
    return ClientInfo(party, role, standing.status, at), reason


def _of_peer(peer: Peer, silent: Collection[str]) -> Standing:
    if peer.state is PeerState.ENDED:
        return _GONE
    if peer.id in silent:
        return Standing(ConnectionStatus.OFFLINE, ClientReason.SILENT)
    return Standing(ConnectionStatus.CONNECTED, ClientReason.REGISTERED)

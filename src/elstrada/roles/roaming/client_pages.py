"""A hub's list of its parties as it comes in, page by page, and what follows from its end."""

from __future__ import annotations

import msgspec

from elstrada.model.party import ClientInfo, ClientReason, ConnectionStatus, Peer
from elstrada.ocpi.body import Mismatch
from elstrada.ocpi.client import Received, objects_of
from elstrada.ocpi.versions import language
from elstrada.roaming.clients import ClientKey
from elstrada.roles.roaming.clients import TooMany, TooOften, note, of_hub
from elstrada.roles.roaming.conduct import note_findings
from elstrada.roles.roaming.means import Means


class ClientPages:
    """Notes what a hub's pages hold, and remembers whom they named."""

    def __init__(self, means: Means, peer: Peer) -> None:
        self._means, self._peer = means, peer
        self._named: set[ClientKey] = set()
        self._unread = 0

    async def keep(self, page: Received) -> tuple[int, list[str]]:
        """Note the parties on a page.

        Returns:
            How many were news, and what was wrong with those that were passed over.
        """
        noun = language(self._peer.version).client
        assert noun is not None, "a version without hubs has no such list"
        found, problems = objects_of(page, noun.wire)
        kept = 0
        for wire in found:
            note_findings(self._means.findings, self._peer.owner, self._peer.id, wire)
            try:
                kept += await self._keep(noun.read(wire).value)
            except (Mismatch, TooOften, TooMany) as problem:
                problems.append(str(problem))
        self._unread += len(problems)
        return kept, problems

    async def forget_others(self) -> None:
        """Whoever a whole list no longer names is no longer there (OCPI 2.2.1 mod_hub_client_info, GET).

        Where not all of it could be read, nobody knows who that is.
        """
        if self._unread:
            return
        owner, hub, now = self._peer.owner, self._peer.id, self._means.clock.now()
        for known in await of_hub(self._means.spine, owner, hub):
            if known.key not in self._named and known.client.status is not ConnectionStatus.SUSPENDED:
                gone = msgspec.structs.replace(known.client, status=ConnectionStatus.SUSPENDED)
                await note(self._means.spine, owner, gone, ClientReason.UNLISTED, hub, now=now)

    async def _keep(self, client: ClientInfo) -> bool:
        self._named.add((client.party, client.role))
        reason, hub, now = ClientReason.TOLD, self._peer.id, self._means.clock.now()
        return await note(self._means.spine, self._peer.owner, client, reason, hub, now=now) is not None

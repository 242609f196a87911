"""The registrar: makes, renews and ends connections with peers (R-04 to R-11, T17).

Every step that changes a registration is one commit: the record with its sealed tokens and the fact
that tells of it. A handshake that fails leaves the registration as it was before (R-05).
"""

from __future__ import annotations

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.party import Party, PartyRole, Peer, PeerEndpoint, PeerState, Role
from elstrada.model.peer_quirk import PeerQuirk
from elstrada.ocpi import versions
from elstrada.ocpi.body import Mismatch
from elstrada.ocpi.client import Received, Sending, Silent, describe
from elstrada.ocpi.codes import Why
from elstrada.ocpi.endpoints import Side
from elstrada.ocpi.registration import (
    CREDENTIALS,
    AnyCredentials,
    Unanswered,
    credentials_of,
    discover,
    endpoint_url,
    hub_of,
    may,
    misnamed,
    read_roles,
    roles_met,
    sides_of,
    write_credentials,
)
from elstrada.ocpi.server import Done, Found, Refusal
from elstrada.roles.roaming.conduct import note_quirk
from elstrada.roles.roaming.line import Line, same_host
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.peers import Peers, Secrets
from elstrada.spine.face import RowMoved, StreamMoved

_LONGEST_TOKEN = 64


class NotRegistered(Exception):
    """A handshake that we began did not succeed; the message says at which step and why."""

    def __init__(self, why: str, *, unreachable: bool = False) -> None:
        super().__init__(why)
        self.unreachable = unreachable
        """Nobody answered, as opposed to an answer that would not do."""


class Registrar:
    """Meets peers, from either side."""

    def __init__(self, means: Means, peers: Peers, line: Line) -> None:
        self._means, self._peers, self._line = means, peers, line

    # --- we begin -----------------------------------------------------------------------------------

    async def invite(self, owner: PartyId, peer_id: str) -> str:
        """Expect a new peer.

        Returns:
            Token A, to be given to the peer by other means, with our versions URL.
        Raises:
            NotRegistered: the peer is registered already.
        """
        before = await self._vacant(owner, peer_id)
        token_a = self._means.chance.secret()
        peer = Peer(
            owner=owner,
            id=peer_id,
            state=PeerState.INVITED,
            quirks=_quirks(before),
            changed_at=self._means.clock.now(),
        )
        await self._store(peer, Secrets(token_a, None), before, "invited")
        return token_a

    async def register(self, owner: PartyId, peer_id: str, versions_url: str, token_a: str) -> Peer:
        """Register with a peer that gave us a token A.

        Raises:
            NotRegistered: why, and nothing is registered.
        """
        before = await self._vacant(owner, peer_id)
        own = await self._peers.party(owner)
        if own is None:
            raise NotRegistered(f"{owner} is no party of ours")
        sides = sides_of(own.roles)
        conversation = discover(versions_url, self._means.versions, sides, quirks=_quirks(before))
        found = await self._line.converse(conversation, token_a)
        if isinstance(found, Refusal):
            raise NotRegistered(found.message, unreachable=isinstance(found, Unanswered))
        token_b = self._means.chance.secret()
        waiting = Peer(
            owner=owner,
            id=peer_id,
            state=PeerState.INVITED,
            version=found.version,
            versions_url=versions_url,
            endpoints=found.endpoints,
            quirks=_quirks(before),
            changed_at=self._means.clock.now(),
        )
        self._look_at_names(waiting)
        # The peer calls back with token B before it answers, so B must open our versions by then.
        await self._store(waiting, Secrets(token_b, None), before, "asking")
        try:
            theirs = await self._exchange(own, waiting, "register", token_a, token_b)
            return await self._settle(own, waiting, theirs, Secrets(token_out=theirs.token))
        except NotRegistered as failure:
            await self._end(waiting, f"handshake failed: {failure}"[:500])
            raise

    async def renew(self, owner: PartyId, peer_id: str) -> Peer:
        """Exchange new tokens with a peer, and learn anew what it offers.

        Raises:
            NotRegistered: why; the former tokens hold, unless the peer has answered with its new one.
        """
        peer = await self._peers.get(owner, peer_id)
        own = await self._peers.party(owner)
        token = None if peer is None else await self._peers.token_out(peer)
        if peer is None or own is None or token is None or peer.versions_url is None:
            raise NotRegistered(f"{peer_id} is not registered with {owner}")
        plain = versions.language(peer.version).plain_token
        conversation = discover(
            peer.versions_url, self._means.versions, sides_of(own.roles), plain=plain, quirks=peer.quirks
        )
        found = await self._line.converse(conversation, token)
        if isinstance(found, Refusal):
            raise NotRegistered(found.message, unreachable=isinstance(found, Unanswered))
        former, token_b = await self._peers.token_in(peer), self._means.chance.secret()
        renewing = msgspec.structs.replace(
            peer, version=found.version, endpoints=found.endpoints, changed_at=self._means.clock.now()
        )
        await self._store(renewing, Secrets(token_b, overlap=True), peer, "renewing")
        try:
            theirs = await self._exchange(own, renewing, "renew", token, token_b)
        except NotRegistered:
            # Whether the peer has our new token is not known: both hold until one of them is shown.
            kept = msgspec.structs.replace(peer, changed_at=self._means.clock.now())
            await self._store(kept, Secrets(former, overlap=True), renewing, "not renewed")
            raise
        secrets = Secrets(token_out=theirs.token)
        try:
            return await self._settle(own, renewing, theirs, secrets)
        except NotRegistered as failure:
            # The peer has renewed and expects its new token, whatever we think of the rest: what it was it stays.
            await self._store(renewing, secrets, renewing, f"tokens renewed alone: {failure}"[:500])
            raise

    async def unregister(self, owner: PartyId, peer_id: str) -> None:
        """End a connection, here even if the peer does not answer.

        Raises:
            NotRegistered: there is none.
        """
        peer = await self._peers.get(owner, peer_id)
        if peer is None or peer.state is not PeerState.ACTIVE:
            raise NotRegistered(f"{peer_id} is not registered with {owner}")
        outcome = await self._line.tell(peer, "unregister")
        await self._end(peer, f"ended by us; the peer: {describe(outcome)}"[:500])

    # --- the peer begins ----------------------------------------------------------------------------

    async def show(self, own: Party, peer: Peer, version: str, side: Side) -> Found | Refusal:
        """Our credentials as the peer has them: with the token it shows us (R-11).

        Args:
            version: at whose endpoint it asks.
            side: of the market, if the endpoint is one side's.
        """
        token = await self._peers.token_in(peer)
        assert token is not None, "a caller has been given a token"
        return Found(await self._ours(own, peer, token, self._means.versions_url_at(side), version))

    async def met(
        self, own: Party, peer: Peer, method: str, credentials: AnyCredentials, version: str, side: Side
    ) -> Found | Refusal:
        """A peer registers (POST) or renews (PUT): call it back, then answer with a new token (R-08).

        Args:
            version: at whose endpoint it did, which is the one it has chosen.
            side: of the market, if the endpoint is one side's: as which it takes us.
        """
        refusal = may(method, peer.state) or _unusable(credentials.token)
        if refusal is not None:
            return refusal
        sides = tuple(met for met in sides_of(own.roles) if side in (Side.NONE, met))
        roles = read_roles(credentials, roles_met(sides))
        if isinstance(roles, Refusal):
            return roles
        hub = hub_of(credentials, roles)
        refusal = await self._impersonation(peer, roles, credentials.url, hub)
        if refusal is not None:
            return refusal
        if peer.state is PeerState.ACTIVE and hub != peer.hub:
            # Who may speak for others was agreed on when it was invited.
            return Refusal(Why.INVALID, "roles: a hub becomes one, or another, by registering anew")
        conversation = discover(credentials.url, (version,), sides, quirks=peer.quirks)
        found = await self._line.converse(conversation, credentials.token)
        if isinstance(found, Refusal):
            return found
        narrowed = read_roles(credentials, roles_met(sides, found.endpoints))
        assert not isinstance(narrowed, Refusal), "what could be read can be read again"
        token_c = self._means.chance.secret()
        met = msgspec.structs.replace(
            peer,
            state=PeerState.ACTIVE,
            version=found.version,
            versions_url=credentials.url,
            roles=narrowed,
            endpoints=found.endpoints,
            changed_at=self._means.clock.now(),
            hub=hub,
        )
        # Token A is void from now; a renewed token's former one until the new one is shown.
        secrets = Secrets(token_c, credentials.token, overlap=method == "PUT")
        try:
            await self._store(met, secrets, peer, method)
        except NotRegistered as meanwhile:
            return Refusal(Why.NOT_ALLOWED, str(meanwhile))
        self._look_at_names(met)
        return Found(
            await self._ours(own, peer, token_c, self._means.versions_url_at(side), version, found.endpoints)
        )

    async def left(self, peer: Peer) -> Done | Refusal:
        """A peer ends the connection."""
        refusal = may("DELETE", peer.state)
        if refusal is not None:
            return refusal
        try:
            await self._end(peer, "ended by the peer")
        except NotRegistered as meanwhile:
            return Refusal(Why.NOT_ALLOWED, str(meanwhile))
        return Done()

    # --- below --------------------------------------------------------------------------------------

    async def _vacant(self, owner: PartyId, peer_id: str) -> Peer | None:
        peer = await self._peers.get(owner, peer_id)
        if peer is not None and peer.state is PeerState.ACTIVE:
            raise NotRegistered(f"{peer_id} is registered with {owner} already")
        return peer

    async def _exchange(self, own: Party, peer: Peer, name: str, token: str, token_b: str) -> AnyCredentials:
        """Give the peer our credentials and get its own."""
        url = endpoint_url(peer.endpoints, CREDENTIALS, "")
        assert url is not None, "discover finds no peer without credentials"
        assert peer.version is not None
        endpoint, words = versions.endpoint(peer.version, name), versions.language(peer.version)
        ours = self._means.versions_url_at(_met_at(own, peer) if words.sided else Side.NONE)
        sending = Sending(
            endpoint=endpoint,
            base=url,
            body=await self._ours(own, peer, token_b, ours, peer.version),
            plain=words.plain_token or peer.has(PeerQuirk.RAW_TOKEN_SHOWN),
        )
        outcome = await self._line.say(sending, token)
        if not isinstance(outcome, Received):
            raise NotRegistered(f"credentials: {describe(outcome)}", unreachable=isinstance(outcome, Silent))
        try:
            theirs = credentials_of(outcome, peer.version)
        except Mismatch as problem:
            raise NotRegistered(f"credentials: {problem}") from None
        unusable = _unusable(theirs.token)
        if unusable is not None:
            raise NotRegistered(f"credentials: {unusable.message}")
        return theirs

    def _look_at_names(self, peer: Peer) -> None:
        """Count the modules that a peer writes otherwise than the standard."""
        for name in misnamed(peer.endpoints):
            note_quirk(self._means.findings, peer, PeerQuirk.MODULE_NAMES, f"calls a module {name[:40]!r}")

    async def _ours(
        self,
        own: Party,
        peer: Peer,
        token: str,
        url: str,
        version: str,
        endpoints: tuple[PeerEndpoint, ...] | None = None,
    ) -> AnyCredentials:
        """Our credentials; those of a hub name who is behind it, in a version that wants them to (2.3.0).

        Args:
            endpoints: of the peer; by default as it registered with them.
        """
        reached: tuple[PartyRole, ...] = ()
        if Role.HUB in own.roles:
            others = (other for other in await self._peers.of(own.id) if other.id != peer.id)
            reached = tuple(dict.fromkeys(role for other in others for role in other.roles))
        told = peer.endpoints if endpoints is None else endpoints
        return write_credentials(own, token, url, version, reached, told, peer.quirks)

    async def _impersonation(
        self, peer: Peer, roles: tuple[PartyRole, ...], url: str, hub: PartyId | None
    ) -> Refusal | None:
        """Does a platform claim a party that is ours, or that another platform speaks for (R-09)?

        A party that moves to another platform ends its old connection first. Several connections of
        one platform may share a party (R-10). A party of this installation is claimed at its own address alone:
        two of them may meet. A hub names whom it reaches, which may be us and whoever is connected to us anyway;
        that it speaks for them is believed nowhere.
        """
        if hub is not None:
            return Refusal(Why.INVALID, f"roles: {hub} is ours") if hub == peer.owner else None
        claimed = {role.party for role in roles}
        ours = {peer.owner}
        if not same_host(url, self._means.public_url):
            ours |= await self._peers.among_own(claimed)
        if claimed & ours:
            return Refusal(Why.INVALID, f"roles: {min(claimed & ours)} is ours")
        for other in await self._peers.of(peer.owner):
            taken = claimed & {role.party for role in other.roles}
            if (
                other.id != peer.id
                and other.hub is None
                and taken
                and not same_host(other.versions_url or "", url)
            ):
                return Refusal(Why.INVALID, f"roles: another platform speaks for {min(taken)}")
        return None

    async def _settle(self, own: Party, peer: Peer, theirs: AnyCredentials, secrets: Secrets) -> Peer:
        roles = read_roles(theirs, roles_met(sides_of(own.roles), peer.endpoints))
        hub = None if isinstance(roles, Refusal) else hub_of(theirs, roles)
        refusal = (
            roles if isinstance(roles, Refusal) else await self._impersonation(peer, roles, theirs.url, hub)
        )
        if refusal is not None or isinstance(roles, Refusal):
            raise NotRegistered(f"credentials: {refusal.message if refusal else ''}")
        active = msgspec.structs.replace(
            peer,
            state=PeerState.ACTIVE,
            versions_url=theirs.url,
            roles=roles,
            changed_at=self._means.clock.now(),
            hub=hub,
        )
        await self._store(active, secrets, peer, "registered")
        return active

    async def _store(self, peer: Peer, secrets: Secrets, before: Peer | None, note: str) -> None:
        try:
            await self._peers.write(peer, secrets, before=before, note=note)
        except (RowMoved, StreamMoved):
            raise NotRegistered("the registration changed meanwhile; try again") from None

    async def _end(self, peer: Peer, note: str) -> None:
        ended = msgspec.structs.replace(peer, state=PeerState.ENDED, changed_at=self._means.clock.now())
        await self._store(ended, Secrets(None, None), peer, note)


def _quirks(before: Peer | None) -> tuple[PeerQuirk, ...]:
    return () if before is None else before.quirks


def _met_at(own: Party, peer: Peer) -> Side:
    """The one side of ours that a peer without roles faces, or none where it may be either."""
    sides = sides_of(own.roles)
    faced = [side for side in sides if roles_met((side,)) == roles_met(sides, peer.endpoints)]
    return faced[0] if len(sides) > 1 and faced else Side.NONE


def _unusable(token: str) -> Refusal | None:
    """A token that could not stand in a header would lock us out for good."""
    if 0 < len(token) <= _LONGEST_TOKEN and all("!" <= character <= "~" for character in token):
        return None
    return Refusal(Why.INVALID, f"token: expected 1 to {_LONGEST_TOKEN} printable ASCII characters")

"""The line to peers: the one way by which anything is said to one (R-14, R-15).

Pushes, pulls, authorizations, results of commands and handshakes all go through here, so that each
has its token, fresh ids and routing headers.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from elstrada.model.http import Unreachable
from elstrada.model.ids import PartyId
from elstrada.model.party import Peer, Role
from elstrada.model.peer_quirk import PeerQuirk
from elstrada.ocpi import versions
from elstrada.ocpi.client import Outcome, Sending, Silent, Unagreed, alone, read_response, request
from elstrada.ocpi.endpoints import Endpoint, Interface, Reply
from elstrada.ocpi.headers import Ids, Routing
from elstrada.ocpi.registration import Conversation, Discovered, endpoint_url
from elstrada.ocpi.server import Refusal
from elstrada.roaming.agreement import ALWAYS, ANSWERED, ENDPOINTS, RECEIVER, SENDER, may_call
from elstrada.roaming.visibility import parties_of
from elstrada.roles.roaming.clients import away
from elstrada.roles.roaming.conduct import note_quirk
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.peers import Peers


class Line:
    """Says things to peers and reads what they answer. Never raises for what a peer does."""

    def __init__(self, means: Means, peers: Peers) -> None:
        self._means, self._peers = means, peers

    async def tell(
        self,
        peer: Peer,
        name: str,
        *,
        to: PartyId | None = None,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: object = None,
        url: str | None = None,
        timeout_s: float | None = None,
        withdrawing: bool = False,
        openly: bool = False,
    ) -> Outcome:
        """Send one request to a peer's endpoint, if that is agreed with it.

        Args:
            name: of the endpoint in the version's table.
            to: the peer's party that is meant; by default its first, of a hub itself.
            openly: a hub shall find for whom it is (open routing).
            url: an address the peer gave, instead of its endpoint's; asked as long as its host is the peer's.
            timeout_s: for the whole response; by default ``Waits.peer_s``.
            withdrawing: it is told that something is no longer for it, which needs no agreement.
        """
        words = versions.language(peer.version)
        endpoint = versions.endpoint(words.version, name)
        unagreed = None if withdrawing else await self._unagreed(peer, endpoint, to)
        if unagreed is not None:
            self._means.tally.said(peer, unagreed, self._means.clock.now())
            return unagreed
        if url is not None and not belongs_to(peer, url):
            # The peer may have moved since it gave the address: its present token is not for a former host.
            return Silent("the address is at no host that the peer is registered with")
        base = url or endpoint_url(peer.endpoints, endpoint.module, endpoint.interface.value)
        token = await self._peers.token_out(peer)
        if base is None:
            side = endpoint.interface.value.lower()
            return Silent(f"the peer offers no {endpoint.module} {side} interface")
        if token is None:
            return Silent("we have no token to show the peer where it is now")
        if endpoint.routed and (status := await away(self._means.spine, peer, to)) is not None:
            return Silent(f"the hub says that {to} is {status.value}")
        receiver = to or peer.hub or (peer.roles[0].party if peer.roles else None)
        receiver = None if openly and peer.hub is not None else receiver
        sending = Sending(
            endpoint=endpoint,
            base=base,
            path=path or {},
            query=query or {},
            body=body,
            url=url,
            plain=words.plain_token or peer.has(PeerQuirk.RAW_TOKEN_SHOWN),
            slash=peer.has(PeerQuirk.SLASH_AT_END),
        )
        outcome = await self._send(
            sending, token, Routing(receiver, peer.owner), timeout_s or self._means.waits.peer_s
        )
        only = alone(outcome) if endpoint.reply is Reply.OBJECT else None
        if only is not None:
            note_quirk(self._means.findings, peer, PeerQuirk.LONE_LISTS, f"answers {name} with a list of one")
            outcome = only if peer.has(PeerQuirk.LONE_LISTS) else outcome
        self._means.tally.said(peer, outcome, self._means.clock.now())
        return outcome

    async def versions(self, peer: Peer) -> Outcome:
        """Ask a peer for its versions, by which it shows that it lives."""
        token = await self._peers.token_out(peer)
        if peer.versions_url is None or token is None:
            return Silent("the peer has no versions URL, or we have no token of its")
        plain = versions.language(peer.version).plain_token
        sending = Sending(endpoint=versions.GET_VERSIONS, base=peer.versions_url, plain=plain)
        outcome = await self._send(sending, token, Routing(), self._means.waits.peer_s)
        self._means.tally.said(peer, outcome, self._means.clock.now())
        return outcome

    async def _unagreed(self, peer: Peer, endpoint: Endpoint, to: PartyId | None) -> Unagreed | None:
        """Why it is not said; what answers something that was agreed, and what keeps a connection, always is."""
        if ENDPOINTS.get(endpoint.name) in (ALWAYS, ANSWERED):
            return None
        ours = RECEIVER if endpoint.interface is Interface.SENDER else SENDER
        parties = parties_of(peer, Role) if to is None else frozenset((to,))
        if may_call(await self._peers.terms(peer), parties, endpoint.module, ours):
            return None
        return Unagreed(f"{endpoint.module} with us as {ours.lower()} is not agreed with {to or peer.id} now")

    async def converse(self, conversation: Conversation, token: str) -> Discovered | Refusal:
        """Lead a conversation of the handshake with a token, to its end."""
        sending = next(conversation)
        while True:
            outcome = await self._send(sending, token, Routing(), self._means.waits.peer_s)
            try:
                sending = conversation.send(outcome)
            except StopIteration as end:
                return end.value

    async def say(self, sending: Sending, token: str) -> Outcome:
        """Send one request of the handshake, before the peer has a record to go by."""
        return await self._send(sending, token, Routing(), self._means.waits.long_answer_s)

    async def _send(self, sending: Sending, token: str, routing: Routing, timeout_s: float) -> Outcome:
        ids = Ids(self._means.chance.uuid(), self._means.chance.uuid())
        try:
            response = await self._means.http.send(request(sending, token, ids, routing), timeout_s=timeout_s)
        except Unreachable as problem:
            return Silent(str(problem)[:300])
        return read_response(response)


def belongs_to(peer: Peer, url: str) -> bool:
    """Is the address at a host the peer registered with? Its token goes nowhere else (T16)."""
    known = [endpoint.url for endpoint in peer.endpoints]
    if peer.versions_url is not None:
        known.append(peer.versions_url)
    return _origin(url) in {_origin(address) for address in known}


def same_host(left: str, right: str) -> bool:
    """Are two addresses at one scheme, host and port?"""
    return _origin(left) == _origin(right)


def _origin(url: str) -> tuple[str, str]:
    """Scheme and host with port; what is no web address has only itself as its origin."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"https": 443, "http": 80}[parts.scheme.lower()]
    except (ValueError, KeyError):
        return ("", url)
    return (parts.scheme.lower(), f"{(parts.hostname or '').lower()}:{port}")

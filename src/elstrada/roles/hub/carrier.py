"""The carrier: sends what the hub passes on, and reads whether anybody answered.

A platform that is slow holds up nobody else: only so many requests wait for it at a time (R-68). Nothing is sent twice.
"""

from __future__ import annotations

from collections import Counter

from elstrada.model.http import HttpRequest, HttpResponse, Late, Unreachable
from elstrada.model.party import Peer
from elstrada.ocpi.client import Declined, Garbled, Received, Silent, read_response
from elstrada.ocpi.codes import Why
from elstrada.ocpi.headers import authorization
from elstrada.ocpi.server import Refusal
from elstrada.ocpi.versions import language
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.peers import Peers

MOST_AT_ONCE = 16
"""Requests that wait for one platform."""
_OURS = frozenset({401, 403})
"""By which a platform refuses the hub, and not whoever asked."""


class Carrier:
    """Sends requests to platforms."""

    def __init__(self, means: Means, peers: Peers) -> None:
        self._means, self._peers = means, peers
        self._waiting: Counter[tuple[str, str]] = Counter()

    async def carry(self, peer: Peer, request: HttpRequest, timeout_s: float) -> HttpResponse | Refusal:
        """Send a request, to which the token is added.

        Returns:
            What the platform answered, if it was an answer of OCPI; else why there is none (R-68).
        """
        key = (str(peer.owner), peer.id)
        token = await self._peers.token_out(peer)
        if token is None:
            return Refusal(Why.NOT_CONNECTED, "the receiver is not connected")
        if self._waiting[key] >= MOST_AT_ONCE:
            return Refusal(Why.NOT_CONNECTED, "the receiver has too many requests that it has not answered")
        shown = authorization(token, plain=language(peer.version).plain_token)
        headers = {**request.headers, "authorization": shown}
        sent = HttpRequest(request.method, request.path, request.query, headers, request.body)
        self._waiting[key] += 1
        try:
            return self._judged(peer, await self._means.http.send(sent, timeout_s=timeout_s))
        except Late:
            self._means.tally.said(peer, Silent("late"), self._means.clock.now())
            return Refusal(Why.LATE_RECEIVER, f"the receiver did not answer within {timeout_s:g} s")
        except Unreachable:
            self._means.tally.said(peer, Silent("unreachable"), self._means.clock.now())
            return Refusal(Why.NOT_CONNECTED, "the receiver cannot be reached")
        finally:
            self._waiting[key] -= 1
            if not self._waiting[key]:
                del self._waiting[key]

    def _judged(self, peer: Peer, response: HttpResponse) -> HttpResponse | Refusal:
        """An answer that whoever asked can read, or what to say in its place."""
        outcome = read_response(response)
        self._means.tally.said(peer, outcome, self._means.clock.now())
        if response.status in _OURS:
            return Refusal(Why.NOT_CONNECTED, f"the receiver refuses the hub: HTTP {response.status}")
        match outcome:
            case Received():
                return response
            case Declined(http, code, _) if code == 0:
                why = {404: Why.NOT_FOUND, 405: Why.NOT_ALLOWED}.get(http, Why.NOT_CONNECTED)
                return Refusal(why, f"the receiver answered HTTP {http} without an envelope")
            case Garbled(http, problem):
                return Refusal(Why.NOT_CONNECTED, f"the receiver answered HTTP {http}: {problem}"[:200])
            case _:
                return response

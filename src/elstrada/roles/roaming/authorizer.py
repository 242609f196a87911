"""The authorizer: asks a token's eMSP in real time whether it may charge (R-47 to R-51).

Nobody waits longer than ``Waits.authorize_s``, and an eMSP that cannot be reached never refuses a
driver who may charge: then the question's own fallback holds.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

import msgspec

from elstrada.model.answers import AskParty
from elstrada.model.ids import PartyId
from elstrada.model.location import Location
from elstrada.model.party import Peer, Role
from elstrada.model.token import Allowed, AuthMethod, Token, Verdict, roamed_type
from elstrada.ocpi.body import Mismatch
from elstrada.ocpi.client import Declined, Outcome, Received, Silent
from elstrada.ocpi.language import Language
from elstrada.ocpi.registration import endpoint_url
from elstrada.ocpi.scalars import same
from elstrada.ocpi.v221 import tokens as wire
from elstrada.ocpi.versions import language
from elstrada.roaming.agreement import exceeded, may_ask, sees
from elstrada.roaming.news import Kind
from elstrada.roaming.visibility import parties_of
from elstrada.roles.roaming.holders import TwoContracts, identity_puts
from elstrada.roles.roaming.line import Line
from elstrada.roles.roaming.marks import mark
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.peers import Peers
from elstrada.roles.roaming.stock import Stock
from elstrada.spine import tables as t
from elstrada.spine.ending import ended
from elstrada.spine.face import SpineDown, Where, Work

_UNKNOWN_TOKEN = 2004
_LONGEST_REFERENCE = 255
"""Of an authorization, which stands in facts for ever; the standard has 36."""
_MOST_ASKED = 50
"""Peers asked about a token that nobody has told us of."""


class Authorizer:
    """Gets verdicts from eMSP peers."""

    def __init__(self, means: Means, peers: Peers, stock: Stock, line: Line) -> None:
        self._means, self._peers, self._stock, self._line = means, peers, stock, line

    async def authorize(self, owner: PartyId, question: AskParty) -> Verdict:
        """The eMSP's verdict, or the question's fallback when there is none in time."""
        try:
            async with asyncio.timeout(self._means.waits.authorize_s):
                return await self._ask(owner, question)
        except TimeoutError:
            return _fallback(question, f"no answer in {self._means.waits.authorize_s} s")
        except SpineDown:
            return _fallback(question, "the store is down")

    async def _ask(self, owner: PartyId, question: AskParty) -> Verdict:
        known = await self._peers.of(owner)
        peers = [peer for peer in known if _issues(peer, question.party)]
        if question.party is not None:
            # Whoever is connected by itself is not asked through a hub as well.
            peers = [peer for peer in peers if peer.hub is None] or peers
        place = await self._place(owner, question)
        at = None if place is None else await self._stock.location(owner, place.location_id)
        peers = [peer for peer in peers if await self._agreed(peer, question.party, at)]
        if not peers:
            return _fallback(question, "no peer to ask")
        asked = [asyncio.ensure_future(self._ask_peer(peer, question, place)) for peer in peers[:_MOST_ASKED]]
        try:
            return await _best(asked, question)
        finally:
            # The store may have failed several of them, and the first alone was heard.
            await ended(*asked)

    async def _agreed(self, peer: Peer, party: PartyId | None, at: Location | None) -> bool:
        """Is it agreed with a peer that it is asked about tokens shown here, of one of its parties at least?"""
        terms = await self._peers.terms(peer)
        parties = parties_of(peer, (Role.EMSP,)) if party is None else frozenset((party,))
        if party is None and peer.hub is not None:
            parties = frozenset((peer.hub,))  # Whose token it is, it will say.
        return any(
            may_ask(terms.of(one), terms.at) and (at is None or sees(terms.of(one), terms.at, at))
            for one in parties
        )

    async def _full(self, peer: Peer, party: PartyId) -> str:
        """Why its party may have no more of us; empty: it may."""
        terms = await self._peers.terms(peer)
        bounds = terms.of(party).bounds
        return exceeded(bounds, await self._stock.takings.of(peer.owner, party, bounds, terms.at))

    async def _ask_peer(
        self, peer: Peer, question: AskParty, place: wire.LocationReferences | None
    ) -> Verdict | str:
        """One peer's verdict, or why there is none."""
        words = language(peer.version)
        outcome = await self._line.tell(
            peer,
            "authorize",
            to=question.party or min(parties_of(peer, (Role.EMSP,)), default=None),
            openly=question.party is None,
            path={"token_uid": question.token_uid},
            query=dict.fromkeys(
                words.authorizing.parameters, words.authorizing.type_of(roamed_type(question.token_type))
            ),
            body=place,
            timeout_s=self._means.waits.authorize_s,
        )
        if _says_unknown(outcome, words):
            note = f"peer {peer.id} does not know the token"
            return Verdict(Allowed.NOT_ALLOWED, AuthMethod.AUTH_REQUEST, question.party, note=note)
        if not isinstance(outcome, Received):
            return f"peer {peer.id}: {_kind(outcome)}"
        try:
            info = words.authorizing.read(outcome.data)
            allowed = Allowed(info.allowed)
        except (Mismatch, ValueError):
            return f"peer {peer.id}: not understood"
        if len(info.authorization_reference or "") > _LONGEST_REFERENCE:
            return f"peer {peer.id}: its reference is longer than {_LONGEST_REFERENCE} characters"
        if (token := info.token) is None:
            return await self._verdict_alone(peer, question, allowed)
        if not await self._may_issue(peer, token.party) or not same(token.uid, question.token_uid):
            return f"peer {peer.id}: answered for another token"
        if not await self._agreed(peer, token.party, None):
            return f"peer {peer.id}: nothing is agreed with the token's party"
        if full := await self._full(peer, token.party):
            return Verdict(Allowed.NOT_ALLOWED, AuthMethod.AUTH_REQUEST, token.party, note=full)
        await self._remember(peer.owner, question, token)
        return Verdict(
            allowed,
            AuthMethod.AUTH_REQUEST,
            token.party,
            info.authorization_reference,
            self._means.keys.token_ref(token.group_id) if token.group_id else None,
            f"peer {peer.id} answered",
        )

    async def _may_issue(self, peer: Peer, party: PartyId) -> bool:
        """Does a peer speak for the issuer of a token? A hub does for all who come through it (R-09)."""
        if peer.hub is None:
            return party in parties_of(peer, (Role.EMSP,))
        return party != peer.owner and party not in await self._peers.direct(peer)

    async def _verdict_alone(self, peer: Peer, question: AskParty, allowed: Allowed) -> Verdict:
        """A verdict without the token (2.1.1): session and CDR will have to name its contract all the same.

        A token that the peer has not told us of is asked for in its list; until then they wait.
        """
        party = question.party or min(parties_of(peer, (Role.EMSP,)))
        where: Where = {"owner": str(peer.owner), "party": str(party), "ref": question.token_ref}
        if allowed is Allowed.ALLOWED and not await self._means.spine.find(t.token, where, limit=1):
            position = await self._means.spine.commit(Work())
            now = self._means.clock.now()
            wanted = mark(peer, Kind.PULL, "tokens", position=position, now=now)
            await self._means.spine.commit(Work(writes=(wanted,)))
        note = f"peer {peer.id} answered"
        return Verdict(allowed, AuthMethod.AUTH_REQUEST, party, note=note)

    async def _remember(self, owner: PartyId, question: AskParty, token: Token) -> None:
        """Whom the pseudonym means: the session and CDR will have to say so."""
        with contextlib.suppress(TwoContracts):  # What the pseudonym means already stays.
            writes = await identity_puts(self._means.spine, owner, token, question.token_ref)
            await self._means.spine.commit(Work(writes=writes))

    async def _place(self, owner: PartyId, question: AskParty) -> wire.LocationReferences | None:
        """Where the driver is, always told when it is known: an eMSP may demand it (R-48).

        A station need not say at which of its EVSEs; then the location is told alone, if it stands at one.
        """
        if question.station_id is None:
            return None
        places = await self._stock.places_of(owner, question.station_id)
        if question.evse_id:
            key = places.get(question.evse_id)
            return None if key is None else wire.LocationReferences(key[0], (key[1],))
        locations = {location_id for location_id, _ in places.values()}
        return wire.LocationReferences(locations.pop()) if len(locations) == 1 else None


async def _best(asked: Sequence[asyncio.Future[Verdict | str]], question: AskParty) -> Verdict:
    """The first peer that allows wins; a refusal counts only when nobody is left who might allow."""
    refusals: list[Verdict] = []
    silences: list[str] = []
    for next_one in asyncio.as_completed(asked):
        answer = await next_one
        if isinstance(answer, str):
            silences.append(answer)
        elif answer.allowed is Allowed.ALLOWED:
            return answer
        else:
            refusals.append(answer)
    if silences:
        return _fallback(question, "; ".join(silences))
    # A reason given by the issuer says more than "unknown" from all the others.
    return min(refusals, key=lambda verdict: verdict.allowed is Allowed.NOT_ALLOWED)


def _issues(peer: Peer, party: PartyId | None) -> bool:
    """Could this peer have issued the token, and does it authorize in real time?"""
    answers = endpoint_url(peer.endpoints, "tokens", "SENDER") is not None
    parties = parties_of(peer, (Role.EMSP,))
    issues = bool(parties) if party is None else party in parties
    return answers and (issues or peer.hub is not None)


def _says_unknown(outcome: Outcome, words: Language) -> bool:
    """2.1.1 has no code of its own for it: there the token is an address that is not found."""
    if not isinstance(outcome, Declined):
        return False
    return outcome.code == _UNKNOWN_TOKEN or (not words.authorizing.knows_no_token and outcome.http == 404)


def _kind(outcome: Outcome) -> str:
    """What kind of answer it was. The note becomes part of a fact, so no word of the peer's goes in (T28)."""
    match outcome:
        case Declined(http, code):
            return f"HTTP {http}, OCPI {code}"
        case Silent():
            return "no answer"
        case _:
            return "not understood"


def _fallback(question: AskParty, note: str) -> Verdict:
    return msgspec.structs.replace(question.fallback, note=f"{note}; {question.fallback.note}"[:300])

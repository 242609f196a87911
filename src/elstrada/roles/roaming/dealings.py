"""Pages of a partner's sessions and CDRs: what is our drivers' is kept as if it had been pushed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.party import Peer
from elstrada.model.token import TokenIdentity
from elstrada.ocpi.body import Json, Mismatch, encode
from elstrada.ocpi.client import Received, entries_of
from elstrada.ocpi.language import Held
from elstrada.ocpi.versions import language
from elstrada.roles.roaming.conduct import note_findings
from elstrada.roles.roaming.holders import token_of_contract
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.received import Taken, take_cdr, take_session

M = TypeVar("M")

_NEWS = frozenset({Taken.CREATED, Taken.CHANGED})
_PROBLEMS = {
    Taken.NOT_OURS: "its token is not of ours",
    Taken.CONTRADICTED: "another CDR of its id is known",
    Taken.BUSY: "it changes too often to be kept now",
}


_Keep = Callable[[msgspec.Struct, Json], Awaitable[Taken]]
"""Keeps one object, of which the document is what came."""


class Dealings:
    """Keeps what a peer's pages hold.

    Args:
        theirs: its CPOs with which the module is agreed; objects of others are passed over (T17, T18).
    """

    def __init__(self, means: Means, peer: Peer, theirs: frozenset[PartyId]) -> None:
        self._means, self._peer, self._theirs = means, peer, theirs

    async def keep_sessions(self, page: Received) -> tuple[int, list[str]]:
        """Follow the sessions on a page.

        Returns:
            How many were news, and what was wrong with those that were passed over.
        """
        noun = language(self._peer.version).session

        async def keep(wire: msgspec.Struct, _: Json) -> Taken:
            session, identity = await self._read(noun, wire)
            self._must_speak_for(session.party)
            return await take_session(self._means, self._peer.owner, session, identity)

        return await self._kept(page, noun.wire, keep)

    async def keep_cdrs(self, page: Received) -> tuple[int, list[str]]:
        """Record the CDRs on a page; see ``keep_sessions``."""
        noun = language(self._peer.version).cdr

        async def keep(wire: msgspec.Struct, document: Json) -> Taken:
            cdr, identity = await self._read(noun, wire)
            self._must_speak_for(cdr.party)
            return await take_cdr(self._means, self._peer, cdr, identity, encode(document))

        return await self._kept(page, noun.wire, keep)

    async def _kept(
        self, page: Received, wire_of: type[msgspec.Struct], keep: _Keep
    ) -> tuple[int, list[str]]:
        found, problems = entries_of(page, wire_of)
        kept = 0
        for document, wire in found:
            try:
                taken = await keep(wire, document)
            except Mismatch as problem:
                problems.append(str(problem))
                continue
            if taken in _PROBLEMS:
                problems.append(f"{wire_of.__name__} {getattr(wire, 'id', '')!s:.39}: {_PROBLEMS[taken]}")
            elif taken in _NEWS:
                kept += 1
                note_findings(self._means.findings, self._peer.owner, self._peer.id, wire)
        return kept, problems

    async def _read(self, noun: Held[M], wire: msgspec.Struct) -> tuple[M, TokenIdentity]:
        contract_id, owner = noun.contract(wire), self._peer.owner
        named = None
        if contract_id is not None:
            named = await token_of_contract(self._means.spine, owner, contract_id)
            if named is None:
                raise Mismatch("no token of ours has it - at `$.auth_id`")
        return noun.read(wire, self._means.keys.token_ref, min(self._theirs, default=None), named)

    def _must_speak_for(self, party: PartyId) -> None:
        if party not in self._theirs:
            raise Mismatch(f"an object of {party}, for whom the peer does not speak here")

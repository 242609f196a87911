"""How a copy is brought to those behind the hub: in its present state, in the hub's name (R-69)."""

from __future__ import annotations

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.party import Peer
from elstrada.ocpi import documents
from elstrada.ocpi.body import Mismatch, encode, parse, shape
from elstrada.ocpi.client import Declined, Outcome, Received, is_peers_fault
from elstrada.ocpi.hub import text_at
from elstrada.ocpi.versions import language
from elstrada.roaming.agreement import removed
from elstrada.roaming.routing import audience
from elstrada.roaming.visibility import listens
from elstrada.roles.findings import Findings
from elstrada.roles.hub.keeping import document_of, is_public, token_key
from elstrada.roles.hub.wording import in_words
from elstrada.roles.roaming.line import Line
from elstrada.roles.roaming.marks import Mark
from elstrada.spine import tables as t
from elstrada.spine.face import Row, Spine

_NAMES = {"locations": "put_location", "tariffs": "put_tariff", "tokens": "put_token"}
_IDS = {"locations": "location_id", "tariffs": "tariff_id", "tokens": "token_uid"}


class CopyParcels:
    """Brings copies."""

    def __init__(self, spine: Spine, line: Line, findings: Findings) -> None:
        self._spine, self._line, self._findings = spine, line, findings

    async def bring(self, peer: Peer, mark: Mark) -> Outcome | None:
        """Bring a copy to all parties of a platform that it concerns; None: there is nothing to bring."""
        module, party, *ids = mark.parts
        key = token_key(ids[0], ids[1]) if module == "tokens" else ids[0].casefold()
        row = await self._spine.get(
            t.hub_copy, owner=str(mark.owner), module=module, party=party, object_id=key
        )
        if not listens(peer, module) or (row is not None and row["peer_id"] == peer.id):
            return None
        outcome: Outcome | None = None
        told = audience(peer.roles, module, is_public=row is None or is_public(row))
        for to in audience(peer.roles, module, is_public=True):
            if to in told or row is None:
                outcome = await self._to_party(peer, to, PartyId.parse(party), module, ids, row)
            else:
                outcome = await self._withdrawn(peer, to, PartyId.parse(party), row)
            if outcome is not None and not isinstance(outcome, Received):
                return outcome
        return outcome

    async def _to_party(
        self, peer: Peer, to: PartyId, of: PartyId, module: str, ids: list[str], row: Row | None
    ) -> Outcome | None:
        path = {"country_code": of.country_code, "party_id": of.party_id, _IDS[module]: ids[0]}
        if row is None:
            return await self._gone(peer, to, path) if module == "tariffs" else None
        document = in_words(row, language(peer.version).version, self._findings, peer)
        if document is None:
            return None
        if module == "locations" and len(ids) > 1:
            outcome = await self._evse(peer, to, path, document, ids[1])
            if outcome is not None and (isinstance(outcome, Received) or is_peers_fault(outcome)):
                return outcome
        typed = module == "tokens" and language(peer.version).typed_addresses
        kind = self._type(document) if typed else None
        query = {"type": kind} if kind else {}
        return await self._line.tell(peer, _NAMES[module], to=to, path=path, query=query, body=document)

    async def _withdrawn(self, peer: Peer, to: PartyId, of: PartyId, row: Row) -> Outcome | None:
        """A location that is not for everybody any more is told to be removed to those who tell everybody (R-38, R-39)."""
        noun = language(str(row["version"])).location
        try:
            location = noun.read(shape(document_of(row), noun.wire), of).value
        except Mismatch as problem:
            self._findings.note(
                f"peer:{row['owner']}/{row['peer_id']}", "untranslatable locations", str(problem)
            )
            return None
        path = {"country_code": of.country_code, "party_id": of.party_id, "location_id": location.id}
        body = language(peer.version).location.write(removed(location, location.last_updated)).value
        return await self._line.tell(peer, "put_location", to=to, path=path, body=body)

    async def _evse(
        self, peer: Peer, to: PartyId, path: dict[str, str], document: msgspec.Raw, uid: str
    ) -> Outcome | None:
        """One EVSE alone; if that is refused, the whole is put after all (R-36)."""
        whole = parse(bytes(document))
        part = documents.part_of(whole, (uid,)) if isinstance(whole, dict) else None
        if part is None:
            return None
        uid = text_at(part, "uid") or uid
        body = msgspec.Raw(encode(part))
        return await self._line.tell(peer, "put_evse", to=to, path=path | {"evse_uid": uid}, body=body)

    async def _gone(self, peer: Peer, to: PartyId, path: dict[str, str]) -> Outcome:
        gone = await self._line.tell(peer, "delete_tariff", to=to, path=path)
        never_had_it = isinstance(gone, Declined) and gone.http == 404
        return Received() if never_had_it else gone

    def _type(self, document: msgspec.Raw) -> str | None:
        token = parse(bytes(document))
        return text_at(token, "type") if isinstance(token, dict) else None

"""The bridge: what goes from a party of one version to one of another, and the answer back.

What both write alike passes byte for byte. All else goes by way of the model; what the other version cannot say is
counted with whoever is told, and what it would misread is not told at all (R-66). A patch that would have to be
translated is answered as of something unknown: its sender then puts the whole (R-36).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec

from elstrada.model.http import HttpResponse
from elstrada.model.ids import PartyId
from elstrada.model.party import Peer
from elstrada.ocpi import hub as wire
from elstrada.ocpi.body import BadJson, Json, Mismatch, Object, encode, parse, shape
from elstrada.ocpi.client import Received, read_response
from elstrada.ocpi.codes import Why
from elstrada.ocpi.endpoints import Endpoint
from elstrada.ocpi.envelope import success
from elstrada.ocpi.findings import Loss, Translated
from elstrada.ocpi.language import Language, Start
from elstrada.ocpi.server import Refusal
from elstrada.ocpi.surplus import carried
from elstrada.ocpi.versions import TABLES, language
from elstrada.roles.hub.known import Known
from elstrada.roles.hub.passing import Passing
from elstrada.roles.hub.turning import Turning, kind_of
from elstrada.roles.roaming.conduct import note_losses, source
from elstrada.roles.roaming.means import Means

_CHANGED_FIELDS = frozenset({"total_cost", "min_price", "max_price", "elements", "tax_included"})
"""Of objects that may be patched, those which 2.2.1 and 2.3.0 write differently."""
_AT_ONCE = 100
"""Objects of a page that are turned before others have their turn."""


class Asker(msgspec.Struct, frozen=True):
    """Whoever is answered."""

    hub: PartyId
    peer: Peer
    passing: Passing | None = None
    """What it asked; None where only an address is known."""


class Bridge:
    """Translates between versions."""

    def __init__(self, means: Means, known: Known) -> None:
        self._means, self._known, self._turning = means, known, Turning(known)

    async def there(self, passing: Passing, peer: Peer, sender: PartyId) -> bytes | Refusal:
        """A request's body in the version of whoever gets it; its result's address is still the asker's."""
        endpoint, to = passing.place.endpoint, language(peer.version)
        if endpoint is None or not passing.request.body.strip():
            return passing.request.body
        other = _same(endpoint, to)
        if other is None:
            return Refusal(Why.HUB, f"OCPI {to.version} has no words for this")
        if endpoint.patches:
            return _patch(passing, to)
        if endpoint.body is other.body:
            return passing.request.body
        try:
            return await self._body(passing, endpoint, peer, sender)
        except Mismatch as problem:
            return Refusal(Why.INVALID, str(problem))

    async def back(
        self, passing: Passing, peer: Peer, receiver: PartyId, answer: HttpResponse
    ) -> HttpResponse | Refusal:
        """The answer in the version of whoever asked."""
        endpoint = passing.place.endpoint
        name, module = (endpoint.name if endpoint else ""), passing.place.module
        asker = Asker(passing.hub, passing.caller.peer, passing)
        return await self.answered(
            answer, name, module, language(peer.version), passing.words, receiver, asker
        )

    async def answered(
        self,
        answer: HttpResponse,
        name: str,
        module: str,
        of: Language,
        to: Language,
        party: PartyId,
        asker: Asker,
    ) -> HttpResponse | Refusal:
        """An answer's data in another version."""
        outcome = read_response(answer)
        if not isinstance(outcome, Received) or outcome.data is None:
            return answer
        ours, theirs = _named(name, to), _named(name, of)
        if ours is not None and theirs is not None and ours.data is theirs.data:
            return answer
        try:
            data = await self._data(outcome.data, name, module, of, to, party, asker)
        except (Mismatch, ValueError) as problem:
            return Refusal(Why.HUB, f"the receiver's answer cannot be told in OCPI {to.version}: {problem}")
        told = success(self._means.clock.now(), http=answer.status, data=data)
        return HttpResponse(answer.status, answer.headers, told.body)

    def result(self, body: bytes, of: Language, to: Language) -> bytes | Refusal:
        """A command's result in another version."""
        ours, theirs = _named("command_result", to), _named("command_result", of)
        assert ours is not None
        assert theirs is not None
        if ours.body is theirs.body or theirs.body is None:
            return body
        try:
            document = parse(body)
            resulted = of.commands.read_result(shape(document, theirs.body))
        except (BadJson, Mismatch) as problem:
            return Refusal(Why.INVALID, str(problem))
        return encode(_whole(document, theirs.body, to.commands.write_result(resulted.result, ())).value)

    def query(self, passing: Passing, peer: Peer) -> Mapping[str, str]:
        """A query as the other version has it: only that of tokens differs."""
        query, to = dict(passing.request.query), language(peer.version)
        endpoint = passing.place.endpoint
        if endpoint is None or passing.place.module != "tokens" or endpoint.paged:
            return query
        kind = query.pop("type", None) or query.pop("token_type", None)
        query.pop("token_type", None)
        kind = kind or wire.text_at(passing.document, "type")
        if endpoint.name == "authorize":
            return query | (
                dict.fromkeys(to.authorizing.parameters, to.authorizing.type_of(kind)) if kind else {}
            )
        return query | ({"type": kind} if kind and to.typed_addresses else {})

    # --- below ------------------------------------------------------------------------------------------

    async def _body(
        self, passing: Passing, endpoint: Endpoint, peer: Peer, sender: PartyId
    ) -> bytes | Refusal:
        of, to, kind = passing.words, language(peer.version), kind_of(endpoint.name, endpoint.module)
        if kind is not None:
            turned = await self._turning.turned(kind, passing.document, of, to, sender, passing.hub)
            if turned.misleads:
                return Refusal(Why.HUB, f"OCPI {to.version} would misread it: {_why(turned)}")
            note_losses(self._means.findings, peer, kind, turned.losses)
            return encode(turned.value)
        if endpoint.name == "start_session" and endpoint.body is not None:
            start = of.commands.read_start(shape(passing.document, endpoint.body), sender)
            told = _whole(passing.document, endpoint.body, to.commands.write_start(start))
            note_losses(self._means.findings, peer, endpoint.name, (*told.losses, *_unsaid(start, to)))
            return encode(told.value)
        if endpoint.name == "authorize":
            return passing.request.body  # A place, which both write alike.
        return Refusal(Why.HUB, f"this cannot be told in OCPI {to.version}")

    async def _data(
        self,
        data: Json,
        name: str,
        module: str,
        of: Language,
        to: Language,
        party: PartyId,
        asker: Asker,
    ) -> object:
        kind = kind_of(name, module)
        if kind is not None and isinstance(data, list):
            items: list[object] = []
            for number, item in enumerate(data, 1):
                items.append(await self._item(item, kind, of, to, party, asker))
                if number % _AT_ONCE == 0:
                    await asyncio.sleep(0)
            return tuple(item for item in items if item is not None)
        if kind is not None and isinstance(data, dict):
            turned = await self._turning.turned(kind, data, of, to, party, asker.hub)
            if turned.misleads:
                raise Mismatch(_why(turned))
            note_losses(self._means.findings, asker.peer, kind, turned.losses)
            return turned.value
        known = _named(name, of)
        if known is not None and known.data is not None and name == "authorize":
            told = await self._authorization(data, of, to, party, asker)
        elif known is not None and known.data is not None and module == "commands":
            responded = of.commands.read_response(data)
            wait_s = (
                int(responded.timeout_s) if responded.timeout_s is not None else self._means.waits.command_s
            )
            told = to.commands.write_response(responded.result, wait_s, responded.detail)
        else:
            raise Mismatch("there is no translation")
        whole = _whole(data, known.data, told)
        note_losses(self._means.findings, asker.peer, name, whole.losses)
        return whole.value

    async def _item(
        self, item: Json, kind: str, of: Language, to: Language, party: PartyId, asker: Asker
    ) -> object:
        """One object of a list; None: it cannot be told, and is counted."""
        peer = asker.peer
        try:
            if not isinstance(item, dict):
                raise Mismatch("Expected `object`")
            turned = await self._turning.turned(kind, item, of, to, party, asker.hub)
        except Mismatch as problem:
            self._means.findings.note(source(peer.owner, peer.id), f"untranslatable {kind}", str(problem))
            return None
        note_losses(self._means.findings, peer, kind, turned.losses)
        return None if turned.misleads else turned.value

    async def _authorization(
        self, data: Json, of: Language, to: Language, party: PartyId, asker: Asker
    ) -> msgspec.Struct:
        passing = asker.passing
        assert passing is not None, "whoever authorizes has asked"
        allowed = of.authorizing.read(data)
        if allowed.token is None and not to.sided:
            token = await self._known.token(asker.hub, party, passing.place.tail[0])
            if token is None:
                raise Mismatch("the hub does not know the token, which the answer must hold")
            allowed = msgspec.structs.replace(allowed, token=token)
        endpoint = passing.place.endpoint
        assert endpoint is not None
        is_asked = endpoint.body is not None and passing.document
        place = shape(passing.document, endpoint.body) if is_asked and endpoint.body else None
        return to.authorizing.write(allowed, place)


def _whole(document: Json, of: type[msgspec.Struct], told: msgspec.Struct) -> Translated[object]:
    """A command or an answer with what its own version did not know of it (R-21)."""
    translated = Translated(told, ())
    return carried(document, of, translated) if isinstance(document, dict) else Translated[object](told, ())


def _unsaid(start: Start, to: Language) -> tuple[Loss, ...]:
    """What of a start a version has no words for."""
    if start.connector_id is None or to.commands.names_connector:
        return ()
    return (Loss("/connector_id", f"OCPI {to.version} starts at an EVSE, whichever its connector"),)


def _patch(passing: Passing, to: Language) -> bytes | Refusal:
    """A patch as it is, where both versions write its fields alike."""
    document: Object = passing.document
    alike = not passing.words.sided and not to.sided and not _CHANGED_FIELDS & document.keys()
    return passing.request.body if alike else Refusal(Why.NOT_FOUND, "not known in part; put the whole")


def _same(endpoint: Endpoint, to: Language) -> Endpoint | None:
    return _named(endpoint.name, to)


def _named(name: str, of: Language) -> Endpoint | None:
    return next((one for one in TABLES[of.version] if one.name == name), None)


def _why(turned: Translated[object]) -> str:
    return "; ".join(loss.note for loss in turned.losses if loss.misleads)[:200]

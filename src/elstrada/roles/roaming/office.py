"""The office: where peers call. It knows the caller by its token, lets it only where it belongs, and
has the call served (T17, T18, R-01 to R-24).
"""

from __future__ import annotations

from collections.abc import Mapping

from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.model.party import PeerState, Role
from elstrada.model.peer_quirk import PeerQuirk
from elstrada.ocpi import versions
from elstrada.ocpi.body import Mismatch
from elstrada.ocpi.codes import Why
from elstrada.ocpi.endpoints import Endpoint, Interface, Side
from elstrada.ocpi.headers import plain_token_of, token_of, trimmed_token_of
from elstrada.ocpi.hub import is_routed
from elstrada.ocpi.registration import CREDENTIALS, MARKET, hub_or_not, lacking, sides_of
from elstrada.ocpi.scalars import party
from elstrada.ocpi.server import Call, Found, Listing, Refusal, Result, read, respond
from elstrada.ocpi.v221.versions import Version, VersionDetails
from elstrada.roaming.agreement import ANSWERED, ENDPOINTS, Terms, agreeing, may_call
from elstrada.roaming.routing import callers
from elstrada.roaming.visibility import EMSP_LIKE, INVOICED, parties_of
from elstrada.roles.hub.switch import Switch
from elstrada.roles.roaming.behind import speaking, without_sender
from elstrada.roles.roaming.callbacks import Callbacks
from elstrada.roles.roaming.commander import Commander
from elstrada.roles.roaming.conduct import note_findings, note_quirk, source
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.peers import Caller, Peers
from elstrada.roles.roaming.pulse import Pulses
from elstrada.roles.roaming.registrar import Registrar
from elstrada.roles.roaming.serving import (
    advices,
    bookings,
    cdrs,
    clients,
    commands,
    credentials,
    invoices,
    locations,
    preferences,
    profiles,
    sessions,
    tariffs,
    terminals,
    tokens,
)
from elstrada.roles.roaming.serving.visit import NOT_HERE, Handler, Visit
from elstrada.roles.roaming.steersman import Steersman
from elstrada.roles.roaming.stock import Stock
from elstrada.spine.face import SpineDown

HANDLERS: Mapping[str, Handler] = {
    **credentials.HANDLERS,
    **locations.HANDLERS,
    **tariffs.HANDLERS,
    **tokens.HANDLERS,
    **sessions.HANDLERS,
    **cdrs.HANDLERS,
    **commands.HANDLERS,
    **preferences.HANDLERS,
    **profiles.HANDLERS,
    **clients.HANDLERS,
    **invoices.HANDLERS,
    **terminals.HANDLERS,
    **advices.HANDLERS,
    **bookings.HANDLERS,
}
_FACING: dict[Side, frozenset[Role]] = {
    Side.CPO: EMSP_LIKE | {Role.SCSP},
    Side.EMSP: frozenset({Role.CPO}),
    Side.NONE: INVOICED,
    Side.PTP: frozenset({Role.CPO}),
}
"""Which roles of the caller each of our sides is there for, and what belongs to both."""


class Office:
    """Serves OCPI requests. See ``net.face.HttpHandler``."""

    def __init__(
        self,
        means: Means,
        peers: Peers,
        stock: Stock,
        registrar: Registrar,
        callbacks: Callbacks,
        commander: Commander,
        steersman: Steersman,
        pulses: Pulses,
        switch: Switch,
    ) -> None:
        self._means, self._peers, self._stock, self._switch = means, peers, stock, switch
        self._registrar, self._callbacks = registrar, callbacks
        self._commander, self._steersman = commander, steersman
        self._pulses = pulses

    async def handle(self, request: HttpRequest, remote: str) -> HttpResponse:
        """Answer one request, whatever it holds."""
        call: Call | None = None
        caller: Caller | None = None
        address = versions.locate(request.path)
        try:
            caller = await self._caller(request, address)
            if caller is None:
                result: Result = Refusal(Why.UNAUTHORIZED, "no valid credentials token")
            else:
                await self._pulses.heard(caller.own, caller.peer)
                if address is not None and self._is_passed_on(address, caller):
                    return await self._pass_on(request, address, caller)
                call, result = await self._serve(request, address, caller)
        except SpineDown:
            result = Refusal(Why.BUSY, "nothing can be stored now")
        if isinstance(result, Refusal):
            who = source(caller.peer.owner, caller.peer.id) if caller else f"address:{remote}"
            self._means.findings.note(who, f"OCPI {result.why.name}", result.message)
        outcome = result.why.name.lower() if isinstance(result, Refusal) else "done"
        self._means.tally.answered(_version_in(address), outcome)
        return respond(request, result, self._means.clock.now(), call)

    def _is_passed_on(self, address: versions.Address, caller: Caller) -> bool:
        """Is it asked of a hub of ours, by one of those behind it, and for another?"""
        is_spoken = address.version in self._means.versions and address.path and is_routed(address.path)
        is_registered = caller.peer.state is PeerState.ACTIVE and Role.HUB in caller.own.roles
        return bool(is_spoken and is_registered)

    async def _pass_on(self, request: HttpRequest, address: versions.Address, caller: Caller) -> HttpResponse:
        response, refusal = await self._switch.handle(request, address, caller)
        if refusal is not None:
            who = source(caller.peer.owner, caller.peer.id)
            self._means.findings.note(who, f"OCPI {refusal.why.name}", refusal.message)
        self._means.tally.answered(address.version, refusal.why.name.lower() if refusal else "done")
        return response

    async def _caller(self, request: HttpRequest, address: versions.Address | None) -> Caller | None:
        """Who calls. In 2.1.1 a token is shown as it is, elsewhere in base64 (R-01, R-02)."""
        encoded, plain = token_of(request.headers), plain_token_of(request.headers)
        named = None if address is None else address.version
        if named not in self._means.versions and named != versions.VERSIONS:
            return await self._peers.by_token(encoded)
        if named == versions.VERSIONS:
            # Whoever asks for versions may know none yet.
            is_spoken = any(versions.language(each).plain_token for each in self._means.versions)
            forms = (encoded, plain) if is_spoken else (encoded,)
        else:
            forms = (plain, encoded) if versions.language(named).plain_token else (encoded,)
        for token in forms:
            caller = await self._peers.by_token(token)
            if caller is not None and (token == encoded or _may_show_plain(caller, named)):
                return caller
        return await self._odd_caller(request, plain)

    async def _odd_caller(self, request: HttpRequest, plain: str | None) -> Caller | None:
        """Who shows its token in another form than its version has: taken of marked peers only (R-02, R-03)."""
        for token, quirk, says in (
            (plain, PeerQuirk.RAW_TOKEN_TAKEN, "shows its token as it is"),
            (trimmed_token_of(request.headers), PeerQuirk.TRIMMED_TOKEN, "shows its token with a line end"),
        ):
            caller = None if token is None else await self._peers.by_token(token)
            if caller is not None:
                note_quirk(self._means.findings, caller.peer, quirk, says)
                return caller if caller.peer.has(quirk) else None
        return None

    async def _serve(
        self, request: HttpRequest, address: versions.Address | None, caller: Caller
    ) -> tuple[Call | None, Result]:
        if address is None:
            return None, NOT_HERE
        version, path = address.version, address.path
        if address.side and address.side not in sides_of(caller.own.roles):
            return None, NOT_HERE
        if version == versions.VERSIONS and not path:
            return None, self._versions(request, address.side, caller)
        if version not in self._means.versions:
            return None, NOT_HERE
        if not path:
            return None, await self._details(request, address, caller)
        if caller.peer.state is not PeerState.ACTIVE and path.partition("/")[0] != CREDENTIALS:
            # Token A opens versions and credentials alone.
            return None, Refusal(Why.UNAUTHORIZED, "register first")
        call = read(request, path, versions.ROUTERS[version])
        if isinstance(call, Refusal):
            return None, call
        if caller.peer.hub is not None and (call.endpoint.side is not Side.NONE or call.endpoint.routed):
            spoken = await speaking(self._peers, caller.peer, call)
            if isinstance(spoken, Refusal):
                return call, spoken
            heard = call if call.routing.from_party != caller.peer.hub else without_sender(call)
            caller = Caller(caller.own, spoken)
            return call, await self._placed(caller, address, heard)
        return call, await self._placed(caller, address, call)

    async def _placed(self, caller: Caller, address: versions.Address, call: Call) -> Result:
        """Serve a caller, if it is where it may be."""
        terms = await self._peers.terms(caller.peer)
        refusal = _out_of_place(caller, call, terms)
        if refusal is not None:
            return refusal
        if call.body is not None:
            note_findings(self._means.findings, caller.peer.owner, caller.peer.id, call.body)
        return await self._handled(caller, address, call, terms)

    async def _handled(self, caller: Caller, address: versions.Address, call: Call, terms: Terms) -> Result:
        visit = Visit(
            means=self._means,
            stock=self._stock,
            registrar=self._registrar,
            callbacks=self._callbacks,
            commander=self._commander,
            steersman=self._steersman,
            own=caller.own,
            peer=caller.peer,
            version=address.version,
            call=call,
            side=address.side,
            terms=terms,
        )
        try:
            return await HANDLERS[call.endpoint.name](visit)
        except Mismatch as problem:
            return Refusal(Why.INVALID, str(problem))

    def _versions(self, request: HttpRequest, side: Side, caller: Caller) -> Result:
        if request.method != "GET":
            return Refusal(Why.NOT_ALLOWED, "versions can only be read")
        # Of a party on one side of the market, all that is said without naming a side is of that one.
        sides = [met for met in sides_of(caller.own.roles) if met in MARKET]
        at = side or (sides[0] if len(sides) == 1 else Side.NONE)
        urls = (
            (version, versions.details_url(version, self._means.public_url, at))
            for version in self._means.versions
        )
        return Listing(tuple(Version(version, url) for version, url in urls))

    async def _details(self, request: HttpRequest, address: versions.Address, caller: Caller) -> Result:
        """The modules of a version that are agreed with the caller."""
        if request.method != "GET":
            return Refusal(Why.NOT_ALLOWED, "version details can only be read")
        terms, parties = await self._peers.terms(caller.peer), parties_of(caller.peer, Role)
        offered = versions.endpoint_urls(
            address.version,
            self._means.public_url,
            sides_of(caller.own.roles),
            address.side,
            hub_or_not(caller.own.roles),
            lacking(caller.own.roles),
            lambda one: may_call(terms, parties, one.module, one.interface.value),
        )
        return Found(VersionDetails(address.version, offered))


def _callers(endpoint: Endpoint) -> frozenset[Role]:
    """The roles that call an endpoint of ours; what keeps a connection is everybody's."""
    return callers(endpoint.module, endpoint.interface.value) or frozenset(Role)


def _version_in(address: versions.Address | None) -> str:
    """The version that a path names, if there is such a one."""
    return address.version if address is not None and address.version in versions.ROUTERS else "none"


def _may_show_plain(caller: Caller, named: str) -> bool:
    """May this caller show its token as it is? Where the address does not say so, its version does (R-02)."""
    at_its_own = named != versions.VERSIONS or caller.peer.version is None
    return at_its_own or versions.language(caller.peer.version).plain_token


def _out_of_place(caller: Caller, call: Call, terms: Terms) -> Refusal | None:
    """Is the caller where it may not be? Its token says who it is; headers and paths only choose (T18).

    What is not agreed with it is not there (T17): its version details do not name it either.
    """
    endpoint = call.endpoint
    if endpoint.name not in ENDPOINTS:
        return NOT_HERE
    if endpoint.at_hub is not None and endpoint.at_hub not in hub_or_not(caller.own.roles):
        return NOT_HERE
    if endpoint.side is Side.NONE and not endpoint.routed:
        return None  # Versions, credentials and a hub's parties are everybody's.
    if endpoint.side is not Side.NONE and endpoint.side not in sides_of(caller.own.roles):
        return NOT_HERE
    theirs = parties_of(caller.peer, _FACING[endpoint.side] & _callers(endpoint))
    to_party, from_party = call.routing.to_party, call.routing.from_party
    if to_party is not None and to_party != caller.own.id:
        return Refusal(Why.INVALID, f"OCPI-to: {to_party} is not served here")
    if from_party is not None and from_party not in parties_of(caller.peer, Role):
        return Refusal(Why.INVALID, f"OCPI-from: {from_party} is not among your roles (R-09)")
    if ENDPOINTS[endpoint.name] is not ANSWERED:
        speaking = theirs & {from_party} if from_party in theirs else theirs
        theirs = agreeing(terms, theirs, endpoint.module, endpoint.interface.value)
        if not speaking & theirs:
            return NOT_HERE
    if not theirs:
        return NOT_HERE
    if endpoint.interface is Interface.RECEIVER and "party_id" in call.path:
        return _foreign(call, theirs)
    return None


def _foreign(call: Call, theirs: frozenset[object]) -> Refusal | None:
    """Is the object of the path owned by another than the caller (R-09, R-32)?"""
    try:
        owner = party(call.path["country_code"], call.path["party_id"])
    except ValueError:
        return NOT_HERE
    return None if owner in theirs else NOT_HERE

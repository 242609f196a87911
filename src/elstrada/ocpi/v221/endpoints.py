"""The one table of OCPI 2.2.1's endpoints, for server and client. Source: the modules' interface sections."""

from __future__ import annotations

from elstrada.ocpi.endpoints import Endpoint, Interface, Reply, Side, Table
from elstrada.ocpi.paging import QUERY
from elstrada.ocpi.v221.cdrs import Cdr
from elstrada.ocpi.v221.commands import (
    CancelReservation,
    CommandResponse,
    CommandResult,
    ReserveNow,
    StartSession,
    StopSession,
    UnlockConnector,
)
from elstrada.ocpi.v221.credentials import Credentials
from elstrada.ocpi.v221.hubclientinfo import MODULE as CLIENTS
from elstrada.ocpi.v221.hubclientinfo import ClientInfo
from elstrada.ocpi.v221.locations import Connector, Evse, Location
from elstrada.ocpi.v221.profiles import (
    ActiveChargingProfile,
    ActiveChargingProfileResult,
    ChargingProfileResponse,
    ChargingProfileResult,
    ClearProfileResult,
    SetChargingProfile,
)
from elstrada.ocpi.v221.sessions import ChargingPreferences, Session
from elstrada.ocpi.v221.tariffs import Tariff
from elstrada.ocpi.v221.tokens import AuthorizationInfo, LocationReferences, Token

S, R = Interface.SENDER, Interface.RECEIVER
CPO, EMSP = Side.CPO, Side.EMSP
OBJECT, LIST = Reply.OBJECT, Reply.LIST
OWNED = "{country_code}/{party_id}/"
"""The start of the path of an object that the client owns."""
_LOCATION, _EVSE, _CONNECTOR = (
    "{location_id}",
    "{location_id}/{evse_uid}",
    "{location_id}/{evse_uid}/{connector_id}",
)


def _credentials(name: str, method: str, *, sends: bool = True, returns: bool = True) -> Endpoint:
    return Endpoint(
        name=name,
        module="credentials",
        interface=S,
        method=method,
        body=Credentials if sends else None,
        reply=OBJECT if returns else Reply.NONE,
        data=Credentials if returns else None,
        routed=False,
    )


def _pushed(kind: str, module: str, side: Side, path: str, data: type, *methods: str) -> tuple[Endpoint, ...]:
    """A receiver's methods on objects that the client owns."""
    query = ("type",) if module == "tokens" else ()
    return tuple(
        Endpoint(
            name=f"{method.lower()}_{kind}",
            module=module,
            interface=R,
            side=side,
            method=method,
            template=OWNED + path,
            query=query,
            body=data if method == "PUT" else None,
            patches=method == "PATCH",
            reply=OBJECT if method == "GET" else Reply.NONE,
            data=data,
        )
        for method in methods
    )


def _listed(module: str, side: Side, data: type) -> Endpoint:
    """A sender's list of the objects it owns."""
    return Endpoint(
        name=f"list_{module}",
        module=module,
        interface=S,
        side=side,
        method="GET",
        query=QUERY,
        reply=LIST,
        data=data,
    )


def _own(kind: str, path: str, data: type) -> Endpoint:
    """One location, EVSE or connector at its sender."""
    return Endpoint(
        name=f"show_{kind}",
        module="locations",
        interface=S,
        side=CPO,
        method="GET",
        template=path,
        reply=OBJECT,
        data=data,
    )


def _command(command: str, body: type) -> Endpoint:
    return Endpoint(
        name=command.lower(),
        module="commands",
        interface=R,
        side=CPO,
        method="POST",
        template=command,
        body=body,
        reply=OBJECT,
        data=CommandResponse,
    )


def _profile(name: str, method: str, *query: str, body: type | None = None) -> Endpoint:
    """A request about the charging profile of a session at the CPO."""
    return Endpoint(
        name=name,
        module="chargingprofiles",
        interface=R,
        side=CPO,
        method=method,
        template="{session_id}",
        query=query,
        body=body,
        reply=OBJECT,
        data=ChargingProfileResponse,
    )


def _profile_result(kind: str, body: type) -> Endpoint:
    """Ours to choose: handed out as response_url, unique per request; two of the three bodies look alike."""
    return Endpoint(
        name=f"{kind}_profile_result",
        module="chargingprofiles",
        interface=S,
        side=EMSP,
        method="POST",
        template=f"{kind}/{{request_id}}",
        body=body,
    )


def _client(name: str, method: str) -> Endpoint:
    """What a hub tells all others of one party."""
    return Endpoint(
        name=name,
        module=CLIENTS,
        interface=R,
        method=method,
        template="{country_code}/{party_id}",
        body=ClientInfo if method == "PUT" else None,
        reply=OBJECT if method == "GET" else Reply.NONE,
        data=ClientInfo,
        routed=False,
        at_hub=False,
    )


ENDPOINTS: Table = (
    _credentials("get_credentials", "GET", sends=False),
    _credentials("register", "POST"),
    _credentials("renew", "PUT"),
    _credentials("unregister", "DELETE", sends=False, returns=False),
    # Locations and tariffs: CPO to eMSP.
    _listed("locations", CPO, Location),
    _own("location", _LOCATION, Location),
    _own("evse", _EVSE, Evse),
    _own("connector", _CONNECTOR, Connector),
    *_pushed("location", "locations", EMSP, _LOCATION, Location, "GET", "PUT", "PATCH"),
    *_pushed("evse", "locations", EMSP, _EVSE, Evse, "GET", "PUT", "PATCH"),
    *_pushed("connector", "locations", EMSP, _CONNECTOR, Connector, "GET", "PUT", "PATCH"),
    _listed("tariffs", CPO, Tariff),
    *_pushed("tariff", "tariffs", EMSP, "{tariff_id}", Tariff, "GET", "PUT", "DELETE"),
    # Sessions and CDRs: CPO to eMSP.
    _listed("sessions", CPO, Session),
    Endpoint(
        name="put_preferences",
        module="sessions",
        interface=S,
        side=CPO,
        method="PUT",
        template="{session_id}/charging_preferences",
        body=ChargingPreferences,
        # A word by itself: ChargingPreferencesResponse.
        reply=OBJECT,
    ),
    *_pushed("session", "sessions", EMSP, "{session_id}", Session, "GET", "PUT", "PATCH"),
    _listed("cdrs", CPO, Cdr),
    Endpoint(name="post_cdr", module="cdrs", interface=R, side=EMSP, method="POST", body=Cdr),
    # The address is ours to choose: we hand it out in the Location header of the POST.
    Endpoint(
        name="get_cdr",
        module="cdrs",
        interface=R,
        side=EMSP,
        method="GET",
        template=OWNED + "{cdr_id}",
        reply=OBJECT,
        data=Cdr,
    ),
    # Tokens: eMSP to CPO.
    _listed("tokens", EMSP, Token),
    Endpoint(
        name="authorize",
        module="tokens",
        interface=S,
        side=EMSP,
        method="POST",
        template="{token_uid}/authorize",
        query=("type",),
        body=LocationReferences,
        body_optional=True,
        reply=OBJECT,
        data=AuthorizationInfo,
    ),
    *_pushed("token", "tokens", CPO, "{token_uid}", Token, "GET", "PUT", "PATCH"),
    # Commands: eMSP to CPO, and the later result back.
    _command("START_SESSION", StartSession),
    _command("STOP_SESSION", StopSession),
    _command("UNLOCK_CONNECTOR", UnlockConnector),
    _command("RESERVE_NOW", ReserveNow),
    _command("CANCEL_RESERVATION", CancelReservation),
    # Ours to choose as well: handed out as response_url, unique per command.
    Endpoint(
        name="command_result",
        module="commands",
        interface=S,
        side=EMSP,
        method="POST",
        template="{command}/{command_id}",
        body=CommandResult,
    ),
    # Charging profiles: eMSP or SCSP to CPO, the later results back, and news of what is active.
    _profile("set_profile", "PUT", body=SetChargingProfile),
    _profile("get_profile", "GET", "duration", "response_url"),
    _profile("clear_profile", "DELETE", "response_url"),
    _profile_result("active", ActiveChargingProfileResult),
    _profile_result("set", ChargingProfileResult),
    _profile_result("clear", ClearProfileResult),
    Endpoint(
        name="put_active_profile",
        module="chargingprofiles",
        interface=S,
        side=EMSP,
        method="PUT",
        template="{session_id}",
        body=ActiveChargingProfile,
    ),
    # Which parties a hub is connected to: hub to all others, without routing headers.
    Endpoint(
        name="list_clients",
        module=CLIENTS,
        interface=S,
        method="GET",
        query=QUERY,
        reply=LIST,
        data=ClientInfo,
        routed=False,
        at_hub=True,
    ),
    _client("get_client", "GET"),
    _client("put_client", "PUT"),
)

"""The table of OCPI 2.1.1's endpoints: those of 2.2.1, with its own objects and without routing headers.

Source: the modules' interface sections.
"""

from __future__ import annotations

import msgspec

from elstrada.ocpi.endpoints import Endpoint, Interface, Side, Table
from elstrada.ocpi.v211.cdrs import Cdr
from elstrada.ocpi.v211.commands import CommandResponse, ReserveNow, StartSession
from elstrada.ocpi.v211.credentials import Credentials
from elstrada.ocpi.v211.locations import Connector, Evse, Location
from elstrada.ocpi.v211.sessions import Session
from elstrada.ocpi.v211.tariffs import Tariff
from elstrada.ocpi.v211.tokens import TYPE, AuthorizationInfo, LocationReferences, Token
from elstrada.ocpi.v221 import cdrs, commands, credentials, locations, sessions, tariffs, tokens
from elstrada.ocpi.v221.endpoints import ENDPOINTS as V221
from elstrada.ocpi.v221.endpoints import OWNED

_OWN: dict[type[msgspec.Struct] | None, type[msgspec.Struct]] = {
    credentials.Credentials: Credentials,
    locations.Location: Location,
    locations.Evse: Evse,
    locations.Connector: Connector,
    tariffs.Tariff: Tariff,
    tokens.Token: Token,
    tokens.LocationReferences: LocationReferences,
    tokens.AuthorizationInfo: AuthorizationInfo,
    sessions.Session: Session,
    cdrs.Cdr: Cdr,
    commands.ReserveNow: ReserveNow,
    commands.StartSession: StartSession,
    commands.CommandResponse: CommandResponse,
    commands.CommandResult: CommandResponse,
}
_LATER = frozenset({"cancel_reservation", "put_preferences", "list_clients", "get_client", "put_client"})
_LATER_MODULES = frozenset({"chargingprofiles"})
_PATCH_TARIFF = Endpoint(
    name="patch_tariff",
    module="tariffs",
    interface=Interface.RECEIVER,
    side=Side.EMSP,
    method="PATCH",
    template=OWNED + "{tariff_id}",
    patches=True,
    data=Tariff,
    routed=False,
)
"""Only here: from 2.2 on a tariff is always put whole."""


def _is_later(endpoint: Endpoint) -> bool:
    return endpoint.name in _LATER or endpoint.module in _LATER_MODULES


def _of_this_version(endpoint: Endpoint) -> Endpoint:
    return msgspec.structs.replace(
        endpoint,
        body=_OWN.get(endpoint.body, endpoint.body),
        data=_OWN.get(endpoint.data, endpoint.data),
        query=TYPE if endpoint.name == "authorize" else endpoint.query,
        routed=False,
    )


ENDPOINTS: Table = (
    *(_of_this_version(endpoint) for endpoint in V221 if not _is_later(endpoint)),
    _PATCH_TARIFF,
)

"""What a hub tells of its parties. Source: OCPI 2.2.1 mod_hub_client_info."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from elstrada.model.party import ConnectionStatus, Role
from elstrada.ocpi.findings import Limits
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.v221.common import OWNER

MODULE = "hubclientinfo"


class ClientInfo(msgspec.Struct, frozen=True, kw_only=True):
    party_id: str
    country_code: str
    role: str
    status: str
    last_updated: Instant


LIMITS: Mapping[type[msgspec.Struct], Limits] = {
    ClientInfo: Limits(
        lengths=OWNER,
        values={
            "role": frozenset(role.value for role in Role),
            "status": frozenset(status.value for status in ConnectionStatus),
        },
    ),
}

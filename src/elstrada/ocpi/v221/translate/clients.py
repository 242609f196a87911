"""What a hub tells of its parties, to and from the model."""

from __future__ import annotations

from elstrada.model import party
from elstrada.ocpi.findings import Translated
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.v221 import hubclientinfo
from elstrada.ocpi.v221.translate.values import closed, party_of


def client_from_wire(wire: hubclientinfo.ClientInfo) -> Translated[party.ClientInfo]:
    return Translated(
        party.ClientInfo(
            party=party_of(wire.country_code, wire.party_id),
            role=closed(party.Role, wire.role, "/role"),
            status=closed(party.ConnectionStatus, wire.status, "/status"),
            last_updated=wire.last_updated.at,
        )
    )


def client_to_wire(client: party.ClientInfo) -> Translated[hubclientinfo.ClientInfo]:
    return Translated(
        hubclientinfo.ClientInfo(
            party_id=client.party.party_id,
            country_code=client.party.country_code,
            role=client.role.value,
            status=client.status.value,
            last_updated=Instant(client.last_updated),
        )
    )

"""To and from the model: values, and what the other side cannot say (DESIGN 5.1).

``*_from_wire`` raise ``Mismatch`` where a value has no meaning in the model, such as an unknown
whitelist. Tokens' identities travel beside sessions and CDRs, which in the model know a pseudonym.
"""

from elstrada.ocpi.v221.translate.cdrs import cdr_from_wire, cdr_to_wire
from elstrada.ocpi.v221.translate.clients import client_from_wire, client_to_wire
from elstrada.ocpi.v221.translate.locations import (
    connector_from_wire,
    connector_to_wire,
    evse_from_wire,
    evse_to_wire,
    location_from_wire,
    location_to_wire,
)
from elstrada.ocpi.v221.translate.prices import price_from_wire, price_to_wire
from elstrada.ocpi.v221.translate.sessions import session_from_wire, session_to_wire
from elstrada.ocpi.v221.translate.steering import (
    active_from_wire,
    active_to_wire,
    preferences_from_wire,
    preferences_to_wire,
    schedule_from_wire,
    schedule_to_wire,
)
from elstrada.ocpi.v221.translate.tariffs import tariff_from_wire, tariff_to_wire
from elstrada.ocpi.v221.translate.tokens import (
    identity_from_wire,
    identity_to_wire,
    token_from_wire,
    token_to_wire,
)

__all__ = [
    "active_from_wire",
    "active_to_wire",
    "cdr_from_wire",
    "cdr_to_wire",
    "client_from_wire",
    "client_to_wire",
    "connector_from_wire",
    "connector_to_wire",
    "evse_from_wire",
    "evse_to_wire",
    "identity_from_wire",
    "identity_to_wire",
    "location_from_wire",
    "location_to_wire",
    "preferences_from_wire",
    "preferences_to_wire",
    "price_from_wire",
    "price_to_wire",
    "schedule_from_wire",
    "schedule_to_wire",
    "session_from_wire",
    "session_to_wire",
    "tariff_from_wire",
    "tariff_to_wire",
    "token_from_wire",
    "token_to_wire",
]

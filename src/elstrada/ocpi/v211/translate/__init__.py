"""To and from the model: values, and what the other side cannot say (DESIGN 5.1).

Readers are told whose an object is, and of a session or CDR whose token it names: 2.1.1 does not say.
"""

from elstrada.ocpi.v211.translate.cdrs import cdr_from_wire, cdr_to_wire
from elstrada.ocpi.v211.translate.locations import (
    connector_from_wire,
    connector_to_wire,
    evse_from_wire,
    evse_to_wire,
    location_from_wire,
    location_to_wire,
)
from elstrada.ocpi.v211.translate.sessions import session_from_wire, session_to_wire
from elstrada.ocpi.v211.translate.tariffs import tariff_from_wire, tariff_to_wire
from elstrada.ocpi.v211.translate.tokens import token_from_wire, token_to_wire

__all__ = [
    "cdr_from_wire",
    "cdr_to_wire",
    "connector_from_wire",
    "connector_to_wire",
    "evse_from_wire",
    "evse_to_wire",
    "location_from_wire",
    "location_to_wire",
    "session_from_wire",
    "session_to_wire",
    "tariff_from_wire",
    "tariff_to_wire",
    "token_from_wire",
    "token_to_wire",
]

"""Tokens as OCPP 2.x knows them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from elstrada.model import asks
from elstrada.model.device import StationOrder
from elstrada.model.token import NO_AUTHORIZATION, Allowed
from elstrada.ocpp.intake import Intake
from elstrada.ocpp.table import Unsendable
from elstrada.ocpp.v201 import messages as m

MAX_ID_TOKEN = 36
_MAX_TYPE = 20
"""In 2.1, where the list is open."""
TOKEN_TYPES: Mapping[str, str] = {
    "ISO14443": "RFID",
    "ISO15693": "RFID",
    "eMAID": "EMAID",
    # An identity made by a back office, most often by an app's remote start.
    "Central": "APP_USER",
}
"""What OCPI calls a token; for the rest it has no word, and OCPP's own stands in the model."""
_ISO15693 = re.compile("E0[0-9A-F]{14}", re.IGNORECASE)
"""A card of ISO 15693 has eight bytes of which the first is E0 (ISO 15693-3 §4.1); one of ISO 14443 has 4, 7 or 10."""
OWN_TYPES = frozenset(kind.value for kind in m.IdTokenEnumType)


def presented(token: m.IdTokenType, intake: Intake) -> asks.PresentedToken:
    """A token as a station shows it."""
    return asks.PresentedToken(
        intake.uid(token.id_token, "/idToken/idToken"), TOKEN_TYPES.get(token.type, token.type[:_MAX_TYPE])
    )


def id_token_type(kind: str, uid: str = "", own: frozenset[str] = OWN_TYPES) -> str:
    """What 2.x calls a token of ours; one that bears a type of OCPP's keeps it.

    Args:
        own: the types of the version.
    """
    if kind in own:
        return kind
    if kind == "EMAID":
        return m.IdTokenEnumType.E_MAID.value
    if kind != "RFID":
        return m.IdTokenEnumType.CENTRAL.value
    return (m.IdTokenEnumType.ISO15693 if _ISO15693.fullmatch(uid) else m.IdTokenEnumType.ISO14443).value


def id_token(
    order: StationOrder,
    version: str = "2.0.1",
    most: int = MAX_ID_TOKEN,
    own: frozenset[str] = OWN_TYPES,
) -> m.IdTokenType | Unsendable:
    """The token of an order as 2.x shows it, with all that it was given.

    Args:
        most: characters that the version allows.
        own: its types.
    """
    nobody = order.token_type == NO_AUTHORIZATION
    if not order.token_uid and not nobody:
        return Unsendable(f"OCPP {version} needs a token")
    beside = order.token_additional
    if any(len(text) > most for text in (order.token_uid or "", *(one.uid for one in beside))):
        return Unsendable(f"OCPP {version} knows tokens of up to {most} characters")
    more = tuple(m.AdditionalInfoType(additional_id_token=one.uid, type=one.type) for one in beside)
    return m.IdTokenType(
        id_token="" if nobody else order.token_uid or "",
        type=id_token_type(order.token_type, order.token_uid or "", own),
        additional_info=more or None,
    )


def group_token(group_ref: str) -> m.IdTokenType:
    """A group as stations are told of it: by its pseudonym."""
    return m.IdTokenType(id_token=group_ref[:MAX_ID_TOKEN], type=m.IdTokenEnumType.CENTRAL)


AUTHORIZATION: Mapping[Allowed, m.AuthorizationStatusEnumType] = {
    Allowed.ALLOWED: m.AuthorizationStatusEnumType.ACCEPTED,
    Allowed.BLOCKED: m.AuthorizationStatusEnumType.BLOCKED,
    Allowed.EXPIRED: m.AuthorizationStatusEnumType.EXPIRED,
    Allowed.NO_CREDIT: m.AuthorizationStatusEnumType.NO_CREDIT,
    Allowed.NOT_ALLOWED: m.AuthorizationStatusEnumType.INVALID,
}

"""A token as an operator names it, for a station to be told of."""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Meta

from elstrada.model.asks import PresentedToken
from elstrada.model.token import NO_AUTHORIZATION, AdditionalInfo
from elstrada.roles.desk.face import Kind, Refused

_TYPE_SAYS = (
    "What kind of token it is, in OCPI's words or OCPP's own, like APP_USER, KeyCode, MacAddress, Central."
)
TokenType = Annotated[
    Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,19}$")] | None, Meta(description=_TYPE_SAYS)
]
Additional = Annotated[
    tuple[str, ...],
    Meta(
        max_length=5,
        description="TYPE=VALUE that is shown beside it (additionalInfo of OCPP 2.x). May be given several times.",
    ),
]
_PAIR = re.compile(r"([^=]{1,50})=(.{1,255})")


def shown_token(uid: str, kind: str | None, additional: tuple[str, ...]) -> PresentedToken:
    """The token; what is known of it is looked up by the gateway that holds the station.

    Args:
        kind: None: what our record of it says.
    """
    if kind == NO_AUTHORIZATION:
        says = f"{NO_AUTHORIZATION} names no token"
        raise Refused(Kind.USAGE, says, "for a start without one: --no-authorization", "/token_type")
    more = tuple(_pair(text, number) for number, text in enumerate(additional))
    return PresentedToken(uid, kind or "", additional=more)


def _pair(text: str, number: int) -> AdditionalInfo:
    found = _PAIR.fullmatch(text)
    if found is None:
        says = f"not additional information: {text[:60]!r}; expected TYPE=VALUE, like ParkingTicket=17"
        raise Refused(Kind.USAGE, says, pointer=f"/additional/{number}")
    return AdditionalInfo(uid=found[2], type=found[1])

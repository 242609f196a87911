"""Swaps of batteries (OCPP 2.1, block S): who swaps is judged like anybody who charges."""

from __future__ import annotations

import msgspec

from elstrada.model import asks
from elstrada.model.answers import Judged
from elstrada.model.notices import Severity
from elstrada.model.token import Allowed
from elstrada.roles.gateway.seat import Seat
from elstrada.roles.gateway.tokens import Tokens

NO_TOKEN = "no token"  # noqa: S105  Words for a person, no secret.


async def judged(tokens: Tokens, seat: Seat, ask: asks.SwapBatteries) -> asks.GiveNotice:
    """What is to be noted of a swap: with the verdict on its token, and as an alarm where that says no.

    Raises:
        SpineDown, StreamMoved: it is not judged.
    """
    said = NO_TOKEN
    if ask.token is not None:
        token = await tokens.presented(str(seat.owner), ask.token)
        answer = await seat.ask(asks.Authorize(token=token))
        assert isinstance(answer, Judged), "a token is judged"
        said = answer.verdict.allowed.value
    notice = msgspec.structs.replace(ask.told.notice, answer=said)
    if said != Allowed.ALLOWED:
        notice = msgspec.structs.replace(notice, severity=min(notice.severity, Severity.ALERT))
    return asks.GiveNotice(notice, ask.told.learned)

"""Calls that the gateway makes by itself: recorded as its owner's, like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from elstrada.model.answers import CommandDone
from elstrada.model.asks import Command
from elstrada.model.device import CommandName
from elstrada.ocpp.wire import Wire, encode

if TYPE_CHECKING:
    from elstrada.roles.gateway.gateway import Gateway
    from elstrada.roles.gateway.link import Link

CALL_S = 30
_encode = msgspec.json.Encoder().encode


async def asked(gateway: Gateway, link: Link, action: str, fields: Wire | dict[str, object]) -> CommandDone:
    """Call a station, and wait for how that ended.

    Raises:
        NobodyThere, StreamMoved: it is connected elsewhere.
        SpineDown: it may or may not have been called.
    """
    payload = encode(fields) if isinstance(fields, Wire) else _encode(fields)
    command = Command(
        command_id=gateway.chance.uuid(),
        name=CommandName.CALL,
        asked_by=link.seat.owner,
        action=action,
        payload=payload.decode(),
        deadline_s=CALL_S,
        asked_at=gateway.clock.now(),
    )
    done = await gateway.decided(link, command)
    assert isinstance(done, CommandDone), "a command is answered by how it ended"
    return done

"""Calls with a list of which a station takes only so much at once: told in portions, answered as one.

Source: ``ocpp/portions.py``. How much it takes its mirror knows, once the station was asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from elstrada.model.configuring import MessageLimits
from elstrada.ocpp.portions import FRAME_BYTES, PORTIONED, Portioned
from elstrada.ocpp.portions import portions as cut
from elstrada.roles.desk.face import Desk, Kind, Refused
from elstrada.roles.gateway.configuring import told_limit

MOST_PORTIONS = 100
_Fields = dict[str, msgspec.Raw]
_List = list[msgspec.Raw]


async def portions(desk: Desk, owner: str, station_id: str, action: str, payload: str) -> tuple[str, ...]:
    """A call's fields, cut into as many messages as the station needs.

    Args:
        payload: the fields, which conform to their schema.
    Raises:
        Refused: there would be too many.
    """
    how = PORTIONED.get(action)
    if how is None:
        return (payload,)
    most = await told_limit(desk.spine, owner, station_id, how.most_items)
    most_bytes = await told_limit(desk.spine, owner, station_id, how.most_bytes)
    if most is None and most_bytes is None:
        return (payload,)
    fields = msgspec.json.decode(payload, type=_Fields)
    items = msgspec.json.decode(fields[how.items], type=_List)
    around = FRAME_BYTES + len(_with(fields, how.items, []).encode())
    limits = MessageLimits(items=most or len(items), bytes=most_bytes)
    parts = list(cut([len(bytes(item)) for item in items], around, limits))
    if len(parts) > MOST_PORTIONS:
        says = f"{len(items)} items need more than {MOST_PORTIONS} messages: {station_id} takes {_says(most, most_bytes)}"
        raise Refused(Kind.USAGE, says, "repeat the command with fewer", f"/payload/{how.items}")
    if len(parts) == 1:
        return (payload,)
    return tuple(_with(fields, how.items, items[part]) for part in parts)


def _says(most: int | None, most_bytes: int | None) -> str:
    told = (f"{most} of them" if most else "", f"{most_bytes} bytes" if most_bytes else "")
    return f"{' and '.join(one for one in told if one)} in each"


def joined(action: str, responses: Sequence[str]) -> str:
    """The responses to the portions of one call, as one."""
    if len(responses) == 1:
        return responses[0]
    how = PORTIONED[action]
    return _with(
        msgspec.json.decode(responses[0], type=_Fields),
        how.results,
        [item for response in responses for item in _results(how, response)],
    )


def _results(how: Portioned, response: str) -> Iterator[msgspec.Raw]:
    fields = msgspec.json.decode(response, type=_Fields)
    if how.results in fields:  # A station's answer is kept, whatever it lacks.
        yield from msgspec.json.decode(fields[how.results], type=_List)


def _with(fields: _Fields, name: str, items: _List) -> str:
    return msgspec.json.encode({**fields, name: items}).decode()

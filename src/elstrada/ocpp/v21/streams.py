"""What OCPP 2.1 tells of periodic event streams (N11 to N15)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from elstrada.model.mirror import Item, ItemKind, Learned, Stream
from elstrada.ocpp.intake import Intake
from elstrada.ocpp.table import Empty, Inbound, Learning, keep, learn
from elstrada.ocpp.v21 import messages as m

_KIND = ItemKind.EVENT_STREAM
_MOST_APART_S = 86_400
"""Seconds between a message's base time and a value of it."""
_encode = msgspec.json.Encoder().encode


def _opened(message: m.OpenPeriodicEventStreamRequest, _: Intake) -> Learned:
    """N11: a station that may stream opens the stream itself."""
    return Learned(items=(_item(_stream(message.constant_stream_data)),))


def _stream(told: m.ConstantStreamDataType) -> Stream:
    return Stream(
        id=told.id,
        monitor=told.variable_monitoring_id,
        interval_s=told.params.interval,
        values_per_message=told.params.values,
    )


def _item(stream: Stream) -> Item:
    return Item(_KIND, str(stream.id), _encode(stream).decode())


def _closed(message: m.ClosePeriodicEventStreamRequest, _: Intake) -> Learned:
    return Learned(gone=((_KIND, str(message.id)),))


def _values(message: m.NotifyPeriodicEventStreamRequest, intake: Intake) -> Learned:
    """N12: each value lies so many seconds after the base time."""
    base, _ = intake.time(message.basetime, "/basetime")
    latest = list[tuple[datetime, str]]()
    for index, one in enumerate(message.data):
        if abs(one.t) > _MOST_APART_S:
            intake.doubt(f"/data/{index}/t", "clock", "more than a day from the base time")
            continue
        latest.append((base + timedelta(seconds=float(one.t)), one.v))
    return Learned(items=(_item(Stream(id=message.id, latest=tuple(latest))),))


def _listed(_: m.GetPeriodicEventStreamRequest, response: m.GetPeriodicEventStreamResponse) -> Learned:
    """N14: a station names all its streams."""
    items = tuple(_item(_stream(one)) for one in response.constant_stream_data or ())
    return Learned(items=items, replaces=frozenset({_KIND}))


def _adjusted(
    request: m.AdjustPeriodicEventStreamRequest, response: m.AdjustPeriodicEventStreamResponse
) -> Learned:
    if response.status != m.GenericStatusEnumType.ACCEPTED:
        return Learned()
    params = request.params
    stream = Stream(id=request.id, interval_s=params.interval, values_per_message=params.values)
    return Learned(items=(_item(stream),))


INBOUND: Mapping[str, Inbound] = {
    "ClosePeriodicEventStream": keep(
        m.ClosePeriodicEventStreamRequest, _closed, m.ClosePeriodicEventStreamResponse()
    ),
    # As SEND it has no answer; as CALL, where stations err, an empty one.
    "NotifyPeriodicEventStream": keep(m.NotifyPeriodicEventStreamRequest, _values, Empty()),
    "OpenPeriodicEventStream": keep(
        m.OpenPeriodicEventStreamRequest,
        _opened,
        m.OpenPeriodicEventStreamResponse(status=m.GenericStatusEnumType.ACCEPTED),
        m.OpenPeriodicEventStreamResponse(status=m.GenericStatusEnumType.REJECTED),
    ),
}
FROM_ANSWERS: Mapping[str, Learning] = {
    "AdjustPeriodicEventStream": learn(
        m.AdjustPeriodicEventStreamRequest, m.AdjustPeriodicEventStreamResponse, _adjusted
    ),
    "GetPeriodicEventStream": learn(
        m.GetPeriodicEventStreamRequest, m.GetPeriodicEventStreamResponse, _listed
    ),
}

"""Lists of which a station takes only so much in one message: how they are cut.

Source: OCPP 2.0.1 part 2, B05.FR.11, B06.FR.05, N04.FR.09 and N06.FR.04: the CSMS shall not send more than the
station said that it takes. It says so in its device model, by number (ItemsPerMessage) and by length
(BytesPerMessage).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from elstrada.model.configuring import MessageLimits

FRAME_BYTES = 70
"""What stands around a payload: the message id of 36 characters, and the action."""


class Portioned(msgspec.Struct, frozen=True):
    """An action with a list that may be cut."""

    items: str
    """The list of the request."""
    results: str
    """That of the response."""
    most_items: str
    """The variable that says how many items go into one message."""
    most_bytes: str
    """The variable that says how long one message may be."""


def _portioned(action: str, controller: str, items: str, results: str) -> Portioned:
    return Portioned(
        items,
        results,
        most_items=f"{controller}/ItemsPerMessage[{action}]",
        most_bytes=f"{controller}/BytesPerMessage[{action}]",
    )


PORTIONED: Mapping[str, Portioned] = {
    action: _portioned(action, controller, items, results)
    for action, controller, items, results in (
        ("GetVariables", "DeviceDataCtrlr", "getVariableData", "getVariableResult"),
        ("SetVariables", "DeviceDataCtrlr", "setVariableData", "setVariableResult"),
        ("SetVariableMonitoring", "MonitoringCtrlr", "setMonitoringData", "setMonitoringResult"),
        ("ClearVariableMonitoring", "MonitoringCtrlr", "id", "clearMonitoringResult"),
    )
}
"""By action."""


def portions(sizes: Sequence[int], around: int, limits: MessageLimits) -> Iterator[slice]:
    """Cut a list into as few portions as the station needs, in their order.

    A single item that exceeds ``limits.bytes`` is a portion of its own, which the station will refuse.

    Args:
        sizes: of the items as JSON, in bytes.
        around: how long a message is without any of them, in bytes.
    """
    first, length = 0, around
    for at, size in enumerate(sizes):
        comma = 0 if at == first else 1
        full = at - first >= limits.items
        long = limits.bytes is not None and length + comma + size > limits.bytes
        if at > first and (full or long):
            yield slice(first, at)
            first, length, comma = at, around, 0
        length += comma + size
    if first < len(sizes):
        yield slice(first, len(sizes))

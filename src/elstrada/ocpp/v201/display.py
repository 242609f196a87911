"""What OCPP 2.0.1 tells of the messages on a station's display (O01 to O06)."""

from __future__ import annotations

from collections.abc import Mapping

from elstrada.model.mirror import Expected, Item, ItemKind, Learned, Part
from elstrada.ocpp.intake import Intake
from elstrada.ocpp.mirror import words
from elstrada.ocpp.table import Inbound, Learning, keep, learn
from elstrada.ocpp.v201 import messages as m

_KIND = ItemKind.DISPLAY_MESSAGE


def _reported(message: m.NotifyDisplayMessagesRequest, _: Intake) -> Learned:
    """O03, O04: messages of a report are not numbered."""
    part = Part(kind=_KIND, request_id=message.request_id, seq_no=None, last=not message.tbc)
    return Learned(items=tuple(_item(one) for one in message.message_info or ()), part=part)


def _item(told: m.MessageInfoType) -> Item:
    return Item(_KIND, str(told.id), words(told))


def _asked(request: m.GetDisplayMessagesRequest, response: m.GetDisplayMessagesResponse) -> Learned:
    """Asked for none in particular, a station names all it has; Unknown says that there are none."""
    whole = not request.id and request.priority is None and request.state is None
    if response.status == m.GetDisplayMessagesStatusEnumType.UNKNOWN:
        return Learned(replaces=frozenset({_KIND}) if whole else frozenset())
    return Learned(expected=Expected(kind=_KIND, request_id=request.request_id, whole=whole))


def _set(request: m.SetDisplayMessageRequest, response: m.SetDisplayMessageResponse) -> Learned:
    """O01, O02, O06: a message of the same number is replaced."""
    if response.status != m.DisplayMessageStatusEnumType.ACCEPTED:
        return Learned()
    return Learned(items=(_item(request.message),))


def _cleared(request: m.ClearDisplayMessageRequest, response: m.ClearDisplayMessageResponse) -> Learned:
    """O05. One that is unknown is gone as well."""
    gone = response.status in ("Accepted", "Unknown")
    return Learned(gone=((_KIND, str(request.id)),) if gone else ())


INBOUND: Mapping[str, Inbound] = {
    "NotifyDisplayMessages": keep(
        m.NotifyDisplayMessagesRequest, _reported, m.NotifyDisplayMessagesResponse()
    ),
}
FROM_ANSWERS: Mapping[str, Learning] = {
    "ClearDisplayMessage": learn(m.ClearDisplayMessageRequest, m.ClearDisplayMessageResponse, _cleared),
    "GetDisplayMessages": learn(m.GetDisplayMessagesRequest, m.GetDisplayMessagesResponse, _asked),
    "SetDisplayMessage": learn(m.SetDisplayMessageRequest, m.SetDisplayMessageResponse, _set),
}

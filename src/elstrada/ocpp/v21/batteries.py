"""What OCPP 2.1 tells of batteries that drivers swap (S01 to S04)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from elstrada.model import answers, asks
from elstrada.model.mirror import Battery, Item, ItemKind, Learned
from elstrada.model.notices import Notice, NoticeKind, Severity
from elstrada.ocpp.intake import Intake
from elstrada.ocpp.notices import said_of
from elstrada.ocpp.table import Inbound, ask
from elstrada.ocpp.v21 import messages as m
from elstrada.ocpp.v201.tokens import TOKEN_TYPES
from elstrada.ocpp.wire import Wire

_EVENT = m.BatterySwapEventEnumType
_encode = msgspec.json.Encoder().encode


def _swapped(message: m.BatterySwapRequest, intake: Intake) -> asks.SwapBatteries:
    """Batteries that came in stand in the station; those that went out, or were not taken in time, are told too."""
    notice = Notice(
        kind=NoticeKind.BATTERY_SWAP,
        at=intake.received_at,
        status=message.event_type,
        severity=Severity.ALERT if message.event_type == _EVENT.BATTERY_OUT_TIMEOUT else Severity.NOTICE,
        subject=" ".join(one.serial_number for one in message.battery_data),
        request_id=message.request_id,
        document=said_of(message),
    )
    return asks.SwapBatteries(told=asks.GiveNotice(notice, _stock(message)), token=_token(message, intake))


def _token(message: m.BatterySwapRequest, intake: Intake) -> asks.PresentedToken | None:
    shown = message.id_token
    if shown.type == "NoAuthorization":
        return None
    return asks.PresentedToken(
        intake.uid(shown.id_token, "/idToken/idToken"), TOKEN_TYPES.get(shown.type, shown.type)
    )


def _noted(_: answers.Noted) -> Wire:
    """The driver was authorized before; the answer has no word for a verdict."""
    return m.BatterySwapResponse()


def _stock(message: m.BatterySwapRequest) -> Learned:
    if message.event_type == _EVENT.BATTERY_OUT:
        return Learned(gone=tuple((ItemKind.BATTERY, one.serial_number) for one in message.battery_data))
    return Learned(items=tuple(_item(one) for one in message.battery_data))


def _item(told: m.BatteryDataType) -> Item:
    battery = Battery(
        serial=told.serial_number,
        evse_id=told.evse_id,
        soc_percent=f"{told.so_c:f}",
        soh_percent=f"{told.so_h:f}",
        produced=told.production_date,
    )
    return Item(ItemKind.BATTERY, told.serial_number, _encode(battery).decode())


INBOUND: Mapping[str, Inbound] = {
    "BatterySwap": ask(m.BatterySwapRequest, _swapped, _noted),
}

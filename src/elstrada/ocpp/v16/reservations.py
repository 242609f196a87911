"""Reservations of OCPP 1.6 (§5.1, §5.13)."""

from __future__ import annotations

from elstrada.model.device import CommandName, StationOrder
from elstrada.ocpp.reservations import RESERVED, UNRESERVED
from elstrada.ocpp.table import Outbound, Unsendable, order
from elstrada.ocpp.times import wire_time
from elstrada.ocpp.v16 import messages as m
from elstrada.ocpp.v16.tokens import MAX_ID_TAG
from elstrada.ocpp.wire import Wire


def _reserve(order: StationOrder) -> Wire | Unsendable:
    one = order.reservation
    if one is None or not order.token_uid:
        return Unsendable("OCPP 1.6 reserves for a token")
    if len(order.token_uid) > MAX_ID_TAG:
        return Unsendable(f"OCPP 1.6 knows tokens of up to {MAX_ID_TAG} characters")
    if one.connector_type is not None:
        return Unsendable("OCPP 1.6 cannot reserve a type of connector")
    return m.ReserveNowRequest(
        connector_id=one.evse_id,
        expiry_date=wire_time(one.expires_at),
        id_tag=order.token_uid,
        # As in every answer to the station: it compares the two.
        parent_id_tag=one.group_ref[:MAX_ID_TAG] if one.group_ref else None,
        reservation_id=one.id,
    )


def _cancel(order: StationOrder) -> Wire | Unsendable:
    if order.reservation is None:
        return Unsendable("a cancellation names a reservation")
    return m.CancelReservationRequest(reservation_id=order.reservation.id)


OUTBOUND: dict[CommandName, Outbound] = {
    CommandName.RESERVE: order("ReserveNow", _reserve, m.ReserveNowResponse, RESERVED),
    CommandName.CANCEL_RESERVATION: order(
        "CancelReservation", _cancel, m.CancelReservationResponse, UNRESERVED
    ),
}

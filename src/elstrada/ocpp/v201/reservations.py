"""Reservations of OCPP 2.x (H01, H02). Their messages are the same in 2.1, which allows longer tokens."""

from __future__ import annotations

from elstrada.model.device import CommandName, StationOrder
from elstrada.ocpp.reservations import RESERVED, UNRESERVED
from elstrada.ocpp.table import Outbound, Unsendable, order
from elstrada.ocpp.times import wire_time
from elstrada.ocpp.v201 import messages as m
from elstrada.ocpp.v201.tokens import group_token, id_token
from elstrada.ocpp.wire import Wire

_CONNECTOR_TYPES = frozenset(kind.value for kind in m.ConnectorEnumType)


def _reserve(order: StationOrder) -> Wire | Unsendable:
    return reserve(order, id_token(order), _CONNECTOR_TYPES)


def reserve(
    order: StationOrder, token: m.IdTokenType | Unsendable, types: frozenset[str] | None
) -> Wire | Unsendable:
    """
    Args:
        types: of connectors that the version knows; None: any.
    """
    one = order.reservation
    if isinstance(token, Unsendable):
        return token
    if one is None:
        return Unsendable("there is no reservation to make")
    if types is not None and one.connector_type is not None and one.connector_type not in types:
        return Unsendable(f"this version of OCPP knows connectors of {', '.join(sorted(types))}")
    return m.ReserveNowRequest(
        id=one.id,
        expiry_date_time=wire_time(one.expires_at),
        id_token=token,
        connector_type=one.connector_type,
        evse_id=one.evse_id or None,
        group_id_token=group_token(one.group_ref) if one.group_ref else None,
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

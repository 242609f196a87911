"""Local authorization lists of OCPP 1.6 (§5.15, §5.13)."""

from __future__ import annotations

from elstrada.model.device import CommandName, CommandResult, StationOrder
from elstrada.model.locallist import Capacity, ListEntry
from elstrada.ocpp.locallist import ListDialect, Variables, flag, number
from elstrada.ocpp.table import Outbound, Unsendable, order
from elstrada.ocpp.times import wire_time
from elstrada.ocpp.v16 import messages as m
from elstrada.ocpp.v16.tokens import AUTHORIZATION, MAX_ID_TAG
from elstrada.ocpp.wire import Wire


def _send(order: StationOrder) -> Wire | Unsendable:
    update = order.local_list
    if update is None:
        return Unsendable("an update of a list needs the update")
    if any(len(entry.uid) > MAX_ID_TAG for entry in update.entries):
        return Unsendable(f"OCPP 1.6 knows tokens of up to {MAX_ID_TAG} characters")
    return m.SendLocalListRequest(
        list_version=update.version,
        update_type=(m.UpdateType.FULL if update.full else m.UpdateType.DIFFERENTIAL).value,
        local_authorization_list=tuple(_entry(entry) for entry in update.entries) or None,
    )


def _entry(entry: ListEntry) -> m.AuthorizationData:
    """Without idTagInfo it is taken from the list."""
    if entry.allowed is None:
        return m.AuthorizationData(id_tag=entry.uid)
    info = m.IdTagInfo(
        status=AUTHORIZATION[entry.allowed].value,
        expiry_date=wire_time(entry.expires_at) if entry.expires_at else None,
        parent_id_tag=entry.group_ref[:MAX_ID_TAG] if entry.group_ref else None,
    )
    return m.AuthorizationData(id_tag=entry.uid, id_tag_info=info)


def _capacity(variables: Variables) -> Capacity:
    return Capacity(
        enabled=flag(variables, "LocalAuthListEnabled"),
        entries=number(variables, "LocalAuthListMaxLength"),
        items_per_message=number(variables, "SendLocalListMaxLength"),
    )


KEYS = ("LocalAuthListEnabled", "LocalAuthListMaxLength", "SendLocalListMaxLength")
LISTS = ListDialect(
    keys=KEYS,
    question=("GetConfiguration", '{"key":["' + '","'.join(KEYS) + '"]}'),
    capacity=_capacity,
    version_field="listVersion",
    typed=False,
)
OUTBOUND: dict[CommandName, Outbound] = {
    CommandName.SEND_LOCAL_LIST: order(
        "SendLocalList",
        _send,
        m.SendLocalListResponse,
        {
            "Accepted": CommandResult.ACCEPTED,
            "Failed": CommandResult.FAILED,
            "NotSupported": CommandResult.NOT_SUPPORTED,
            "VersionMismatch": CommandResult.REJECTED,
        },
    )
}

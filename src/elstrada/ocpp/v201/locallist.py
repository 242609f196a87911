"""Local authorization lists of OCPP 2.x (D01, D02). Their messages are the same in 2.1."""

from __future__ import annotations

from decimal import Decimal

from elstrada.model.device import CommandName, CommandResult, StationOrder
from elstrada.model.locallist import Capacity, ListEntry
from elstrada.ocpp.intake import MAX_NUMBER
from elstrada.ocpp.locallist import ListDialect, Variables, flag, number
from elstrada.ocpp.table import Outbound, Unsendable, order
from elstrada.ocpp.times import wire_time
from elstrada.ocpp.v201 import messages as m
from elstrada.ocpp.v201.tokens import AUTHORIZATION, id_token_type
from elstrada.ocpp.wire import Wire

_CTRLR = "LocalAuthListCtrlr"
_NAMES = ("Available", "Enabled", "Entries", "ItemsPerMessage", "BytesPerMessage")


def _send(order: StationOrder) -> Wire | Unsendable:
    update = order.local_list
    if update is None:
        return Unsendable("an update of a list needs the update")
    return m.SendLocalListRequest(
        version_number=update.version,
        update_type=(m.UpdateEnumType.FULL if update.full else m.UpdateEnumType.DIFFERENTIAL).value,
        local_authorization_list=tuple(_entry(entry) for entry in update.entries) or None,
    )


def _entry(entry: ListEntry) -> m.AuthorizationData:
    """Without idTokenInfo it is taken from the list (D01.FR.16)."""
    token = m.IdTokenType(id_token=entry.uid, type=id_token_type(entry.type, entry.uid))
    if entry.allowed is None:
        return m.AuthorizationData(id_token=token)
    group = None
    if entry.group_ref is not None:
        group = m.IdTokenType(id_token=entry.group_ref, type=m.IdTokenEnumType.CENTRAL)
    info = m.IdTokenInfoType(
        status=AUTHORIZATION[entry.allowed].value,
        cache_expiry_date_time=wire_time(entry.expires_at) if entry.expires_at else None,
        group_id_token=group,
    )
    return m.AuthorizationData(id_token=token, id_token_info=info)


def _capacity(variables: Variables) -> Capacity:
    """``Entries`` tells by its limit how many fit; its value is how many there are."""
    switches = [flag(variables, f"{_CTRLR}/{name}") for name in ("Available", "Enabled")]
    entries = variables.get(f"{_CTRLR}/Entries")
    limit = entries.characteristics.max_limit if entries and entries.characteristics else None
    most = Decimal(-1) if limit is None else Decimal(limit)
    return Capacity(
        enabled=False if False in switches else switches[1],
        entries=int(most) if 0 <= most <= MAX_NUMBER else None,  # Some say -1 where they know no limit.
        items_per_message=number(variables, f"{_CTRLR}/ItemsPerMessage"),
        bytes_per_message=number(variables, f"{_CTRLR}/BytesPerMessage"),
    )


LISTS = ListDialect(
    keys=tuple(f"{_CTRLR}/{name}" for name in _NAMES),
    question=(
        "GetVariables",
        '{"getVariableData":['
        + ",".join(f'{{"component":{{"name":"{_CTRLR}"}},"variable":{{"name":"{name}"}}}}' for name in _NAMES)
        + "]}",
    ),
    capacity=_capacity,
    version_field="versionNumber",
    typed=True,
)
OUTBOUND: dict[CommandName, Outbound] = {
    CommandName.SEND_LOCAL_LIST: order(
        "SendLocalList",
        _send,
        m.SendLocalListResponse,
        {
            "Accepted": CommandResult.ACCEPTED,
            "Failed": CommandResult.FAILED,
            "VersionMismatch": CommandResult.REJECTED,
        },
    )
}

"""Reading what stations told of themselves: values of their device models, from their mirrors."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from elstrada.model.allowance import Allowance
from elstrada.model.ids import PartyId
from elstrada.model.mirror import ItemKind, Variable
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Spine

_variable = msgspec.json.Decoder(Variable).decode


async def told(spine: Spine, owner: PartyId, station_id: str, *keys: str) -> Mapping[str, str]:
    """The actual values of these variables, by key, as the station last told; those it did not tell are missing.

    Args:
        keys: as ``Variable.key`` makes them: ``TariffCostCtrlr/Enabled[Cost]``.
    """
    where = {"owner": str(owner), "station_id": station_id, "kind": ItemKind.VARIABLE.value}
    rows = await spine.find(t.station_item, {**where, "key": AnyOf(keys)}, limit=len(keys))
    values = {str(row["key"]): _actual(_variable(str(row["document"]))) for row in rows}
    return {key: value for key, value in values.items() if value is not None}


def _actual(variable: Variable) -> str | None:
    for attribute in variable.attributes:
        if attribute.type == "Actual":
            return attribute.value
    return None


async def allowed_transfer(
    spine: Spine, owner: PartyId, station_id: str, transaction_id: str
) -> tuple[str, ...] | None:
    """Ways of energy transfer that a session may have: as it was told itself, else as its token may have.

    None: nobody said.
    """
    key = {"kind": ItemKind.ALLOWED_TRANSFER.value, "key": transaction_id}
    row = await spine.get(t.station_item, owner=str(owner), station_id=station_id, **key)
    if row is not None:
        return msgspec.json.decode(str(row["document"]), type=tuple[str, ...])
    where = {"owner": str(owner), "station_id": station_id, "transaction_id": transaction_id}
    rows = await spine.find(t.session, where, order=("-first_version",), limit=1)
    if not rows or rows[0]["token_ref"] is None:
        return None
    bound = await spine.get(t.allowance, owner=str(owner), ref=rows[0]["token_ref"])
    if bound is None:
        return None
    return msgspec.json.decode(str(bound["document"]), type=Allowance).transfer or None


def is_true(value: str | None) -> bool:
    """A boolean of a device model; not told is not true."""
    return value is not None and value.strip().lower() == "true"


def is_false(value: str | None) -> bool:
    """Told to be false; not told is not false either."""
    return value is not None and value.strip().lower() == "false"

"""What a station has said of the tariffs by which it can price (OCPP 2.1, TariffCostCtrlr)."""

from __future__ import annotations

from elstrada.model.ids import PartyId
from elstrada.ocpp.v21 import messages as m
from elstrada.ocpp.v21.tariff import has_conditions, most_prices
from elstrada.roles.mirrored import is_false, told
from elstrada.spine.face import Spine

_CTRLR = "TariffCostCtrlr"
AVAILABLE, ENABLED = f"{_CTRLR}/Available[Tariff]", f"{_CTRLR}/Enabled[Tariff]"
_MAX_ELEMENTS, _CONDITIONS = f"{_CTRLR}/MaxElements[Tariff]", f"{_CTRLR}/ConditionsSupported[Tariff]"


async def unfit(spine: Spine, owner: PartyId, station: str, value: m.TariffType) -> str:
    """Why a station cannot price by a tariff, as far as it said; empty: it did not say that it cannot."""
    known = await told(spine, owner, station, AVAILABLE, ENABLED, _MAX_ELEMENTS, _CONDITIONS)
    for key in (AVAILABLE, ENABLED):
        if is_false(known.get(key)):
            return f"{station} says {key} = false"
    most = known.get(_MAX_ELEMENTS, "")
    if most.isdecimal() and most_prices(value) > int(most):
        return f"{station} takes {most} prices of a kind, and the tariff has {most_prices(value)}"
    if is_false(known.get(_CONDITIONS)) and has_conditions(value):
        return f"{station} knows no conditions, and the tariff has some"
    return ""

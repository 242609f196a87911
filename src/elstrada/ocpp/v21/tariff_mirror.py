"""What OCPP 2.1 tells of the tariffs by which a station itself prices (I07 to I10)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from elstrada.model.mirror import Item, ItemKind, Learned
from elstrada.ocpp.mirror import words
from elstrada.ocpp.table import Learning, learn
from elstrada.ocpp.v21 import messages as m
from elstrada.ocpp.v201.mirror import ACCEPTED

_KIND = ItemKind.TARIFF
_NO_TARIFF = "NoTariff"


def _tariffs(request: m.GetTariffsRequest, response: m.GetTariffsResponse) -> Learned:
    """I09: which tariffs the station has and where. Asked for EVSE 0, it names all of them."""
    told = response.status in (ACCEPTED, _NO_TARIFF)
    whole = frozenset({_KIND}) if told and request.evse_id == 0 else frozenset[ItemKind]()
    return Learned(items=tuple(_tariff(one) for one in response.tariff_assignments or ()), replaces=whole)


def _tariff(told: m.TariffAssignmentType) -> Item:
    """Whose cards it is for is nobody's business here."""
    return Item(_KIND, told.tariff_id, words(msgspec.structs.replace(told, id_tokens=None)))


def _tariff_set(request: m.SetDefaultTariffRequest, response: m.SetDefaultTariffResponse) -> Learned:
    """I07. What it takes the place of, now or on a later day, the station tells when asked for its tariffs."""
    if response.status != ACCEPTED:
        return Learned()
    assigned = m.TariffAssignmentType(
        tariff_id=request.tariff.tariff_id,
        tariff_kind=m.TariffKindEnumType.DEFAULT_TARIFF,
        valid_from=request.tariff.valid_from,
        evse_ids=(request.evse_id,) if request.evse_id else None,
    )
    return Learned(items=(_tariff(assigned),))


def _tariffs_cleared(request: m.ClearTariffsRequest, response: m.ClearTariffsResponse) -> Learned:
    """I10. Cleared at one EVSE, a tariff may still be at another, which only the station can tell."""
    if request.evse_id:
        return Learned()
    gone = (
        one.tariff_id
        for one in response.clear_tariffs_result
        if one.tariff_id is not None and one.status in (ACCEPTED, _NO_TARIFF)
    )
    return Learned(gone=tuple((_KIND, tariff_id) for tariff_id in gone))


FROM_ANSWERS: Mapping[str, Learning] = {
    "ClearTariffs": learn(m.ClearTariffsRequest, m.ClearTariffsResponse, _tariffs_cleared),
    "GetTariffs": learn(m.GetTariffsRequest, m.GetTariffsResponse, _tariffs),
    "SetDefaultTariff": learn(m.SetDefaultTariffRequest, m.SetDefaultTariffResponse, _tariff_set),
}

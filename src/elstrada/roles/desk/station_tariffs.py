"""The verb that asks a station by which tariffs it prices, and has it forget them (OCPP 2.1, I09, I10)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.device import CommandResult
from elstrada.model.mirror import ItemKind
from elstrada.model.party import Role
from elstrada.roles.desk.commands import not_done
from elstrada.roles.desk.face import Desk, Kind, Part, Refused, Verb
from elstrada.roles.desk.lookups import own_party
from elstrada.roles.desk.shapes import Number
from elstrada.roles.desk.station_tariff import called, speaks_21
from elstrada.spine import tables as t

MOST_LISTED = 1_000
_MOST_NAMED = 100
TariffId = Annotated[str, Meta(min_length=1, max_length=60)]


class TellTariffs(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Annotated[str, Meta(description="Its identity.")]
    clear: Annotated[bool, Meta(description="Have it forget them first.")] = False
    tariff: Annotated[
        tuple[TariffId, ...],
        Meta(max_length=_MOST_NAMED, description="Forget this one, in the station's words."),
    ] = ()
    evse: Annotated[Number, Meta(description="Forget those of this EVSE; 0: of all of them.")] = 0
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None


class TariffAssigned(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A tariff that a station has."""

    tariff_id: str
    """In the station's words."""
    tariff_kind: str
    """DefaultTariff, or DriverTariff."""
    valid_from: str | None = None
    evse_ids: tuple[int, ...] | None = None
    """None: the station did not say where."""


class TariffAtStation(msgspec.Struct, frozen=True, kw_only=True):
    """A tariff by which a station prices."""

    tariff: str
    """In the station's words."""
    kind: str
    valid_from: str | None
    evses: tuple[int, ...]


async def tell_tariffs(desk: Desk, params: TellTariffs) -> tuple[TariffAtStation, ...]:
    """Ask a station by which tariffs it prices; before that, have it forget what is named, or all of them."""
    owner = (await own_party(desk, params.party, Role.CPO)).id
    if (params.tariff or params.evse) and not params.clear:
        raise Refused(Kind.USAGE, "which to forget is said with --clear", pointer="/clear")
    await speaks_21(desk, owner, params.station)
    from elstrada.ocpp.v21 import messages as m
    from elstrada.ocpp.wire import encode

    if params.clear:
        request = m.ClearTariffsRequest(tariff_ids=params.tariff or None, evse_id=params.evse or None)
        command_id, answer = await called(desk, owner, params.station, "ClearTariffs", encode(request))
        # NoTariff is no refusal where all of them were to go: there is none.
        none_there = answer.result is CommandResult.UNKNOWN and not params.tariff
        if answer.result is not CommandResult.ACCEPTED and not none_there:
            raise not_done(params.station, "ClearTariffs", command_id, answer)
    asked = m.GetTariffsRequest(evse_id=0)
    command_id, answer = await called(desk, owner, params.station, "GetTariffs", encode(asked))
    if answer.result not in (CommandResult.ACCEPTED, CommandResult.UNKNOWN):
        raise not_done(params.station, "GetTariffs", command_id, answer)
    where = {"owner": str(owner), "station_id": params.station, "kind": ItemKind.TARIFF.value}
    rows = await desk.spine.find(t.station_item, where, order=("key",), limit=MOST_LISTED)
    return tuple(_line(msgspec.json.decode(str(row["document"]), type=TariffAssigned)) for row in rows)


def _line(told: TariffAssigned) -> TariffAtStation:
    return TariffAtStation(
        tariff=told.tariff_id, kind=told.tariff_kind, valid_from=told.valid_from, evses=told.evse_ids or ()
    )


TARIFFS = Verb(
    "station tariffs",
    "Ask a station by which tariffs it prices, or have it forget them (OCPP 2.1).",
    TellTariffs,
    tuple[TariffAtStation, ...],
    tell_tariffs,
    Part.POST,
)

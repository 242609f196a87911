"""The verb that gives a station a tariff of ours, by which it then prices itself (OCPP 2.1, I07, I12)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from elstrada.model.answers import CommandDone
from elstrada.model.asks import Command
from elstrada.model.device import CommandName, CommandResult, Protocol
from elstrada.model.ids import PartyId
from elstrada.model.party import Role
from elstrada.model.tariff import Tariff
from elstrada.roles.desk.commands import given, not_done
from elstrada.roles.desk.face import Desk, Kind, Part, Problem, Refused, Verb
from elstrada.roles.desk.lookups import needed, own_party
from elstrada.roles.desk.shapes import Number, Text36
from elstrada.roles.rating import UNPRICED, Rating
from elstrada.spine import tables as t
from elstrada.spine.face import Row
from elstrada.tariffs.policy import OCPI_2_3_0

if TYPE_CHECKING:
    from elstrada.ocpp.v21 import messages as m
    from elstrada.ocpp.v21.tariff import Loss


class SetStationTariff(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Annotated[str, Meta(description="Its identity.")]
    tariff: Annotated[Text36, Meta(description="Which of our tariffs.")]
    evse: Annotated[Number, Meta(description="At this EVSE only; 0: at all of them.")] = 0
    session: Annotated[
        str | None, Meta(description="For this session only, from now on: its id, as in `session list`.")
    ] = None
    lossy: Annotated[
        bool, Meta(description="Even if the station then comes to other prices than we bill.")
    ] = False
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None


class LossLine(msgspec.Struct, frozen=True):
    """What a tariff says and a station cannot be told."""

    pointer: str
    """JSON pointer into the tariff."""
    says: str
    misleads: bool
    """The station comes to another price than we do."""


class StationTariff(msgspec.Struct, frozen=True):
    station: str
    tariff: str
    station_tariff: str
    """What the station calls it."""
    evse: int
    session: str | None
    """For which alone; None: it is the station's default."""
    losses: tuple[LossLine, ...]


async def set_station_tariff(desk: Desk, params: SetStationTariff) -> StationTariff:
    """Have a station price by a tariff of ours, if it can come to our prices with it.

    It becomes the station's default (I07), or that of one session (I12).
    """
    owner = (await own_party(desk, params.party, Role.CPO)).id
    await speaks_21(desk, owner, params.station)
    tariff = await _tariff(desk, owner, params.tariff)
    transaction = await _transaction(desk, owner, params, tariff)
    # The messages of OCPP take a tenth of a second to load, which other verbs are spared.
    from elstrada.ocpp.v21 import messages as m
    from elstrada.ocpp.v21.tariff import to_wire
    from elstrada.ocpp.wire import encode

    silence = OCPI_2_3_0.takes_silence_for_no_tax(tariff.party.country_code)
    value, losses = to_wire(tariff, silence_is_no_tax=silence)
    _refuse_losses(params, losses)
    await _refuse_limits(desk, owner, params.station, value)
    if transaction is not None:
        change = m.ChangeTransactionTariffRequest(tariff=value, transaction_id=transaction)
        await accepted(desk, owner, params.station, "ChangeTransactionTariff", encode(change))
    else:
        request = m.SetDefaultTariffRequest(evse_id=params.evse, tariff=value)
        await accepted(desk, owner, params.station, "SetDefaultTariff", encode(request))
        # It may have taken the place of another, which only the station knows (I07.FR.20 to 23): its answer
        # goes into the mirror. Without one the tariff is set all the same.
        await called(desk, owner, params.station, "GetTariffs", encode(m.GetTariffsRequest(evse_id=0)))
    return StationTariff(
        station=params.station,
        tariff=params.tariff,
        station_tariff=value.tariff_id,
        evse=params.evse,
        session=params.session,
        losses=tuple(LossLine(loss.pointer, loss.note, loss.misleads) for loss in losses),
    )


async def _transaction(desk: Desk, owner: PartyId, params: SetStationTariff, tariff: Tariff) -> str | None:
    """The station's name of the session meant; None: none is meant."""
    if params.session is None:
        return None
    if params.evse:
        raise Refused(Kind.USAGE, "a session has its EVSE already", "leave --evse out", "/evse")
    what = f"session {params.session[:40]!r} of {owner}"
    hint = "see `elstrada session list --running`"
    row = await needed(desk, t.session, what, hint, owner=str(owner), session_id=params.session)
    if row["station_id"] != params.station:
        raise Refused(Kind.CONFLICT, f"{what} is at {row['station_id']}", hint, "/session")
    if row["ended_at"] is not None:
        raise Refused(Kind.CONFLICT, f"{what} has ended", hint, "/session")
    if not params.lossy:
        await _refuse_other_price(desk, owner, row, tariff)
    return str(row["transaction_id"])


async def _refuse_other_price(desk: Desk, owner: PartyId, session: Row, tariff: Tariff) -> None:
    """A session is priced by the tariff of its connector as it was at the start, whatever a station is told."""
    try:
        own = await Rating(desk.spine).tariff_of(owner, session)
    except UNPRICED as refusal:
        says = f"the session will have no price from here: {refusal}"
        raise Refused(Kind.CONFLICT, says, "mend that, or give it all the same with --lossy") from None
    if msgspec.structs.replace(own, last_updated=tariff.last_updated) != tariff:
        which = f"{own.id}" + (" as it was when the session began" if own.id == tariff.id else "")
        says = f"the session is priced by tariff {which}, and the station would show another price"
        raise Refused(Kind.INVALID, says, "--lossy gives it all the same", "/tariff")


async def speaks_21(desk: Desk, owner: PartyId, station: str) -> None:
    key = {"owner": str(owner), "station_id": station}
    await needed(
        desk, t.station, f"station {station[:48]!r} of {owner}", "see `elstrada station list`", **key
    )
    state = await desk.spine.get(t.station_state, **key)
    if state is not None and state["protocol"] not in (None, Protocol.OCPP21):
        says = f"{station} speaks {state['protocol']}; only stations of OCPP 2.1 price by a tariff of ours"
        raise Refused(Kind.CONFLICT, says, "its running and final cost come from here", "/station")


async def _tariff(desk: Desk, owner: PartyId, tariff_id: str) -> Tariff:
    key = {"owner": str(owner), "party": str(owner), "tariff_id": tariff_id}
    row = await needed(desk, t.tariff, f"tariff {tariff_id} of {owner}", "see `elstrada tariff list`", **key)
    return msgspec.json.decode(str(row["document"]), type=Tariff)


def _refuse_losses(params: SetStationTariff, losses: tuple[Loss, ...]) -> None:
    """A station that shows another price than the bill's is worse than one that shows none."""
    problems = tuple(Problem(loss.pointer, loss.note) for loss in losses if loss.misleads)
    if problems and not params.lossy:
        says = f"{params.station} would not come to the prices of tariff {params.tariff}"
        hint = "without it the station shows the cost that we reckon; --lossy gives it what can be said"
        raise Refused(Kind.INVALID, says, hint, "/tariff", problems)


async def _refuse_limits(desk: Desk, owner: PartyId, station: str, value: m.TariffType) -> None:
    """What the station has said of itself rules it out; what it has not, it is left to answer."""
    from elstrada.ocpp.v21.tariff import most_prices
    from elstrada.roles.station_limits import unfit

    if not most_prices(value):
        raise Refused(
            Kind.INVALID, "nothing is left of the tariff that a station could be told", "", "/tariff"
        )
    why = await unfit(desk.spine, owner, station, value)
    if why:
        raise Refused(Kind.CONFLICT, why, _HINT, "/tariff")


_HINT = "see `elstrada station items STATION --like TariffCostCtrlr`"


async def called(
    desk: Desk, owner: PartyId, station: str, action: str, fields: bytes
) -> tuple[str, CommandDone]:
    command = Command(
        command_id=desk.chance.uuid(),
        name=CommandName.CALL,
        asked_by=owner,
        action=action,
        payload=fields.decode(),
        deadline_s=desk.waits.command_s,
        asked_at=desk.clock.now(),
    )
    return command.command_id, await given(desk, station, command)


async def accepted(desk: Desk, owner: PartyId, station: str, action: str, fields: bytes) -> CommandDone:
    """Call a station, and refuse unless it accepts."""
    command_id, answer = await called(desk, owner, station, action, fields)
    if answer.result is not CommandResult.ACCEPTED:
        raise not_done(station, action, command_id, answer)
    return answer


def _shown(end: StationTariff) -> str:
    where = f"EVSE {end.evse}" if end.evse else "every EVSE"
    of = f"at {where}" if end.session is None else f"in session {end.session}"
    lines = [f"{end.station} prices by {end.tariff} {of}, as {end.station_tariff}"]
    lines += [f"not told: {loss.pointer}: {loss.says}" for loss in end.losses]
    return "\n".join(lines)


TARIFF = Verb(
    "station tariff",
    "Have a station price by a tariff of ours, by itself (OCPP 2.1).",
    SetStationTariff,
    StationTariff,
    set_station_tariff,
    Part.POST,
    show=_shown,
    arguments=2,
)

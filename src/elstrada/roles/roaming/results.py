"""Results: what a peer is told at last of what it asked of a station, in the words of what it asked for."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from elstrada.model.answers import CommandDone
from elstrada.model.device import CommandName, CommandResult
from elstrada.model.facts import CommandAnswered
from elstrada.model.ids import PartyId, station_stream
from elstrada.model.location import DisplayText
from elstrada.model.party import Peer
from elstrada.ocpi.v221 import profiles as wire
from elstrada.ocpi.v221 import translate
from elstrada.ocpi.v221.commands import ResultType
from elstrada.ocpi.v221.profiles import ProfileResultType
from elstrada.ocpi.versions import language
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.stands import active_at, stand_of
from elstrada.spine import tables as t
from elstrada.spine.face import Row

_PAGE, _MOST_FACTS = 500, 20_000


class ResultKind(StrEnum):
    """What a result is of, if not of a command."""

    ACTIVE = "ACTIVE"
    """GET: ActiveChargingProfileResult."""
    SET = "SET"
    """PUT: ChargingProfileResult."""
    CLEAR = "CLEAR"
    """DELETE: ClearProfileResult."""

    @property
    def endpoint(self) -> str:
        """Where it goes."""
        return f"{self.value.lower()}_profile_result"


RESULTS: dict[CommandResult, ResultType] = {
    CommandResult.ACCEPTED: ResultType.ACCEPTED,
    CommandResult.SCHEDULED: ResultType.ACCEPTED,
    CommandResult.REJECTED: ResultType.REJECTED,
    CommandResult.NOT_SUPPORTED: ResultType.NOT_SUPPORTED,
    CommandResult.UNKNOWN: ResultType.REJECTED,
    CommandResult.OCCUPIED: ResultType.EVSE_OCCUPIED,
    CommandResult.INOPERATIVE: ResultType.EVSE_INOPERATIVE,
    # Nothing was sent to the station, so nothing will come of it.
    CommandResult.OFFLINE: ResultType.FAILED,
    CommandResult.TIMEOUT: ResultType.TIMEOUT,
    CommandResult.FAILED: ResultType.FAILED,
}
PROFILE_RESULTS: dict[CommandResult, ProfileResultType] = {
    # OCPI knows three words here, and none for a station that does not answer: it has not accepted.
    **dict.fromkeys(CommandResult, ProfileResultType.REJECTED),
    CommandResult.ACCEPTED: ProfileResultType.ACCEPTED,
    CommandResult.UNKNOWN: ProfileResultType.UNKNOWN,
}


class Telling(msgspec.Struct, frozen=True):
    """What is posted, and where it belongs."""

    endpoint: str
    body: msgspec.Struct
    accepted: bool


def kind_of(owed: Row) -> ResultKind | None:
    """Of a record in ``callback``."""
    return None if owed["kind"] is None else ResultKind(str(owed["kind"]))


async def telling(means: Means, peer: Peer, owed: Row, name: str, done: CommandDone) -> Telling:
    """What to tell a peer that is owed a result.

    Args:
        name: the command's; empty: it is not known to have been given.
    """
    kind, accepted = kind_of(owed), done.result is CommandResult.ACCEPTED
    if kind is None:
        return Telling("command_result", _command_result(peer, name, done), accepted)
    result = PROFILE_RESULTS[done.result].value
    match kind:
        case ResultKind.SET:
            return Telling(kind.endpoint, wire.ChargingProfileResult(result=result), accepted)
        case ResultKind.CLEAR:
            return Telling(kind.endpoint, wire.ClearProfileResult(result=result), accepted)
        case ResultKind.ACTIVE:
            profile = await _active(means, owed, done) if accepted else None
            if accepted and profile is None:
                result = ProfileResultType.REJECTED.value
            body = wire.ActiveChargingProfileResult(result=result, profile=profile)
            return Telling(kind.endpoint, body, profile is not None)


async def answered(means: Means, owed: Row, known: Row) -> CommandDone:
    """How a command ended, from what is kept of it.

    Args:
        known: its row of the view, with a result.
    """
    result, detail = CommandResult(str(known["result"])), str(known["detail"] or "")
    response = await _response(means, owed) if kind_of(owed) is ResultKind.ACTIVE else None
    return CommandDone(result, detail, response)


def _command_result(peer: Peer, name: str, done: CommandDone) -> msgspec.Struct:
    message = (DisplayText("en", done.detail[:512]),) if done.detail else ()
    said = RESULTS[done.result]
    if done.result is CommandResult.UNKNOWN and name == CommandName.CANCEL_RESERVATION:
        said = ResultType.UNKNOWN_RESERVATION
    return language(peer.version).commands.write_result(said.value, message)


async def _active(means: Means, owed: Row, done: CommandDone) -> wire.ActiveChargingProfile | None:
    owner = PartyId.parse(str(owed["owner"]))
    row = await means.spine.get(t.session, owner=str(owner), session_id=str(owed["session_id"]))
    stand = None if row is None else await stand_of(means, owner, row)
    schedule = None if stand is None else await active_at(means, stand, done.response)
    return None if schedule is None else translate.active_to_wire(schedule)


async def _response(means: Means, owed: Row) -> str | None:
    """What the station answered: it stands in the fact alone, behind where its stream was when it was asked."""
    stream = station_stream(PartyId.parse(str(owed["owner"])), str(owed["station_id"]))
    since = owed["since"]
    assert isinstance(since, int), "what concerns a profile notes it"
    for _ in range(_MOST_FACTS // _PAGE):
        page = await means.spine.facts(stream, after_version=since, limit=_PAGE)
        for one in page:
            if isinstance(one.fact, CommandAnswered) and one.fact.command_id == owed["command_id"]:
                return one.fact.response
        if len(page) < _PAGE:
            break
        since = page[-1].version
    return None

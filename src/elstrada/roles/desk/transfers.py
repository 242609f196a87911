"""Verbs that have a station fetch firmware or leave a log."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.answers import CommandDone
from elstrada.model.asks import Command
from elstrada.model.device import CommandName, CommandResult, Protocol
from elstrada.model.ids import PartyId
from elstrada.model.party import Role
from elstrada.model.transfer import LogKind, LogOrder, Purpose, TransferState, UpdateOrder
from elstrada.roles.desk.commands import given, not_done
from elstrada.roles.desk.face import Desk, Kind, Part, Refused, Verb
from elstrada.roles.desk.images import file_service, image_row
from elstrada.roles.desk.lookups import all_rows, needed, own_party, sane_moment
from elstrada.roles.desk.shapes import Moment
from elstrada.roles.files.addresses import Files, address, close
from elstrada.spine import tables as t
from elstrada.spine.face import Cell, Put, Row, Work

TRIES_PER_RETRY = 3
"""How often an address serves for each try that a station is asked for: what is cut on the way is tried again."""
_Station = Annotated[str, Meta(description="Its identity.")]
_OwnCpo = Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")]
_Retries = Annotated[
    Annotated[int, Meta(ge=0, le=20)], Meta(description="How often it shall try again after a failure.")
]
_Interval = Annotated[
    Annotated[int, Meta(ge=1, le=86_400)] | None, Meta(description="Seconds between its tries.")
]
_Deadline = Annotated[
    Annotated[int, Meta(ge=1, le=300)] | None,
    Meta(description="How long to wait for its answer; by default limits.command_s."),
]


class UpdateStation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: _Station
    firmware: Annotated[str, Meta(description="Which image, as `firmware list` says.")]
    party: _OwnCpo = None
    at: Annotated[Moment | None, Meta(description="When to fetch it; by default at once.")] = None
    install_at: Annotated[
        Moment | None, Meta(description="When to install it; by default as soon as it can.")
    ] = None
    retries: _Retries = 3
    retry_interval_s: _Interval = None
    unsigned: Annotated[bool, Meta(description="Leave the signature out, for a station that knows none.")] = (
        False
    )
    any_model: Annotated[bool, Meta(description="Though the image is for another vendor or model.")] = False
    deadline_s: _Deadline = None


class FetchLogs(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: _Station
    party: _OwnCpo = None
    kind: Annotated[LogKind, Meta(description="Which log.")] = LogKind.DIAGNOSTICS
    since: Annotated[Moment | None, Meta(description="Nothing older.")] = None
    until: Annotated[Moment | None, Meta(description="Nothing newer.")] = None
    retries: _Retries = 3
    retry_interval_s: _Interval = None
    deadline_s: _Deadline = None


class TransferEnd(msgspec.Struct, frozen=True):
    """What the station said to it; the file itself comes later, or never."""

    transfer: str
    command_id: str
    action: str
    """The OCPP action that it was called with."""
    result: CommandResult
    detail: str
    expires_at: datetime
    """Until then the address is good."""


async def update_station(desk: Desk, params: UpdateStation) -> TransferEnd:
    """Have a station fetch an image from an address of its own, and install it."""
    # The messages of three versions take a tenth of a second to load, which other verbs are spared.
    from elstrada.ocpp.table import Unsendable
    from elstrada.ocpp.transfers import update

    owner, protocol, state = await _station(desk, params.party, params.station)
    files = file_service(desk)
    image = await image_row(desk, str(owner), params.firmware)
    if not files.at_hand(image):
        says = f"the file of {params.firmware} is at node {image['node']}"
        raise Refused(Kind.CONFLICT, says, "ask that node's desk, or set files.shared", "/firmware")
    _check_model(params, image, state)
    now = desk.clock.now()
    at = sane_moment(params.at, "/at") or now
    secret, request_id = desk.chance.secret(), desk.chance.fresh().number
    order = UpdateOrder(
        location=address(files, secret, str(image["file_name"])),
        request_id=request_id,
        retrieve_at=at,
        install_at=sane_moment(params.install_at, "/install_at"),
        retries=params.retries,
        retry_interval_s=params.retry_interval_s,
        signature=None if params.unsigned else _text(image["signature"]),
        certificate=None if params.unsigned else _text(image["certificate"]),
    )
    call = update(protocol, order)
    if isinstance(call, Unsendable):
        raise Refused(Kind.INVALID, call.detail, "nothing was sent", "/install_at")
    tries, size = TRIES_PER_RETRY * (params.retries + 1), image["size"]
    assert isinstance(size, int)
    row = _row(desk, files, owner, params.station, secret, max(at, now)) | {
        "purpose": Purpose.FIRMWARE.value,
        "firmware_id": params.firmware,
        "request_id": request_id if b"requestId" in call.payload else None,
        "file": image["sha256"],
        "file_name": image["file_name"],
        "sha256": image["sha256"],
        "size": size,
        "most": size * tries,
        "tries_left": tries,
    }
    return await _have_done(desk, owner, row, call.action, call.payload, params.deadline_s)


async def fetch_logs(desk: Desk, params: FetchLogs) -> TransferEnd:
    """Have a station leave a log at an address of its own."""
    from elstrada.ocpp.transfers import fetch_diagnostics, fetch_log

    owner, protocol, _ = await _station(desk, params.party, params.station)
    files = file_service(desk)
    secret, request_id = desk.chance.secret(), desk.chance.fresh().number
    order = LogOrder(
        location=address(files, secret),
        request_id=request_id,
        kind=params.kind,
        oldest_at=sane_moment(params.since, "/since"),
        latest_at=sane_moment(params.until, "/until"),
        retries=params.retries,
        retry_interval_s=params.retry_interval_s,
    )
    row = _row(desk, files, owner, params.station, secret, desk.clock.now()) | {
        "purpose": Purpose.LOG.value,
        "kind": params.kind.value,
        "request_id": request_id,
        "node": files.node,
        "most": files.upload_bytes,
        "tries_left": TRIES_PER_RETRY * (params.retries + 1),
    }
    call = fetch_log(protocol, order)
    older = protocol is Protocol.OCPP16 and params.kind is LogKind.DIAGNOSTICS
    try:
        return await _have_done(desk, owner, row, call.action, call.payload, params.deadline_s, retried=older)
    except _NotKnown:
        # A 1.6 station without the security extension; the other call is a command of its own.
        call = fetch_diagnostics(order)
        row |= {"request_id": None, "command_id": desk.chance.uuid()}
        return await _have_done(desk, owner, row, call.action, call.payload, params.deadline_s)


# --- parts --------------------------------------------------------------------------------------------


class _NotKnown(Exception):
    """The station has no such action, and there is another."""


async def _station(desk: Desk, party: str | None, station: str) -> tuple[PartyId, Protocol, Row]:
    owner = (await own_party(desk, party, Role.CPO)).id
    key = {"owner": str(owner), "station_id": station}
    hint = "see `elstrada station list`"
    await needed(desk, t.station, f"station {station[:48]!r} of {owner}", hint, **key)
    state = await desk.spine.get(t.station_state, **key)
    if state is None or state["connection_id"] is None:
        raise Refused(Kind.UNREACHABLE, f"{station} is not connected", hint)
    return owner, Protocol(str(state["protocol"])), state


def _check_model(params: UpdateStation, image: Row, state: Row) -> None:
    """An image for another kind of station can leave it dead (T23)."""
    told, wanted = ((row["vendor"], row["model"]) for row in (state, image))
    if told == wanted or params.any_model:
        return
    says = f"{params.firmware} is for {' '.join(map(str, wanted))}, and {params.station} is {' '.join(map(str, told))}"
    raise Refused(Kind.CONFLICT, says, "say --any-model if that is meant", "/firmware")


def _row(
    desk: Desk, files: Files, owner: PartyId, station: str, secret: str, from_: datetime
) -> dict[str, Cell]:
    return {
        "owner": str(owner),
        "transfer_id": desk.chance.uuid(),
        "station_id": station,
        "token_hash": desk.keys.file_hash(secret),
        "command_id": desk.chance.uuid(),
        "state": TransferState.OPEN.value,
        "node": files.node,
        "moved": 0,
        "created_at": desk.clock.now(),
        "expires_at": from_ + timedelta(hours=files.hours),
    }


async def _have_done(
    desk: Desk,
    owner: PartyId,
    row: Row,
    action: str,
    payload: bytes,
    deadline_s: int | None,
    *,
    retried: bool = False,
) -> TransferEnd:
    """Make the address good, then tell the station of it.

    Raises:
        Refused: the station did not take it, and the address is good no more; but after silence it may have.
        _NotKnown: it knows no such action, which is worth another call (``retried``).
    """
    await desk.spine.commit(Work(writes=(Put(t.transfer, row),)))
    station = str(row["station_id"])
    command = Command(
        command_id=str(row["command_id"]),
        name=CommandName.CALL,
        asked_by=owner,
        action=action,
        payload=payload.decode(),
        deadline_s=deadline_s or desk.waits.command_s,
        asked_at=desk.clock.now(),
    )
    answer = await given(desk, station, command)
    if answer.result is CommandResult.NOT_SUPPORTED and retried:
        raise _NotKnown
    if answer.result not in (CommandResult.ACCEPTED, CommandResult.TIMEOUT):
        await close(desk.spine, row, f"the station answered {answer.result.value}: {answer.detail}"[:250])
    if answer.result is not CommandResult.ACCEPTED:
        raise not_done(station, action, command.command_id, answer)
    if _status(answer) == "AcceptedCanceled":  # L01.FR.24, N01.FR.12.
        await _close_older(desk, row)
    expires = row["expires_at"]
    assert isinstance(expires, datetime)
    return TransferEnd(
        str(row["transfer_id"]), command.command_id, action, answer.result, answer.detail, expires
    )


async def _close_older(desk: Desk, row: Row) -> None:
    """The station gave up what it was doing, for this."""
    where = {name: row[name] for name in ("owner", "station_id", "purpose")}
    async for one in all_rows(desk, t.transfer, {**where, "state": "OPEN"}, "transfer_id", limit=1000):
        if one["transfer_id"] != row["transfer_id"]:
            await close(desk.spine, one, f"the station gave it up for {row['transfer_id']}")


class _Answered(msgspec.Struct):
    status: str = ""


def _status(answer: CommandDone) -> str:
    try:
        return msgspec.json.decode(answer.response or "{}", type=_Answered).status
    except msgspec.DecodeError:
        return ""


def _text(cell: Cell) -> str | None:
    return None if cell is None else str(cell)


_AFTERWARDS = "How far it is: `elstrada station transfers`."
UPDATE = Verb(
    "station update",
    "Have a station fetch firmware and install it.",
    UpdateStation,
    TransferEnd,
    update_station,
    Part.POST,
    arguments=2,
    note=_AFTERWARDS,
)
LOGS = Verb(
    "station logs",
    "Have a station send a log of its own.",
    FetchLogs,
    TransferEnd,
    fetch_logs,
    Part.POST,
    note=_AFTERWARDS,
)

"""Verbs on what stations tell of themselves: their notices, and what they have in store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model import device
from elstrada.model.answers import CommandDone
from elstrada.model.device import CommandResult, Protocol
from elstrada.model.ids import PartyId
from elstrada.model.mirror import Battery, DerControl, ItemKind, Monitor, Stream, Variable
from elstrada.model.notices import ALARMING, Notice, NoticeKind
from elstrada.model.party import Role
from elstrada.model.profile import Profile
from elstrada.model.quirk import Quirk
from elstrada.roles.desk.calling import called
from elstrada.roles.desk.commands import not_done
from elstrada.roles.desk.face import Desk, Kind, Part, Refused, Verb
from elstrada.roles.desk.lookups import line_of, needed, own_party
from elstrada.roles.desk.paging import After, Page, page_of
from elstrada.roles.desk.profile_text import profile_text
from elstrada.roles.desk.shapes import Count, Text50, in_one_line
from elstrada.roles.gateway.configuring import Configured, tell_all, told_all
from elstrada.spine import tables as t
from elstrada.spine.face import Between, Delete, Row, Where, Work
from elstrada.spine.makes import make_in

Station = Annotated[str, Meta(description="Its identity.")]
OurParty = Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")]

# --- items ------------------------------------------------------------------------------------------


class ListItems(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Station
    kind: Annotated[ItemKind | None, Meta(description="Only these.")] = None
    like: Annotated[Text50 | None, Meta(description="Only those with this in their key, in any case.")] = None
    party: OurParty = None
    limit: Annotated[Count, Meta(description="Most lines.")] = 1_000
    after: After = None


class ItemLine(msgspec.Struct, frozen=True, kw_only=True):
    """One thing in a station, as it last told."""

    kind: ItemKind
    key: str
    document: msgspec.Raw
    """JSON: a Variable, a Monitor, or the station's own words."""
    reported_at: datetime


async def list_items(desk: Desk, params: ListItems) -> Page[ItemLine]:
    where = dict(await _station(desk, params.station, params.party))
    if params.kind is not None:
        where["kind"] = params.kind.value
    wanted, order = (params.like or "").casefold(), ("kind", "key")

    def fits(row: Row) -> bool:
        return wanted in str(row["key"]).casefold()

    rows = await page_of(
        desk,
        t.station_item,
        [where],
        order,
        limit=params.limit,
        after=params.after,
        fits=fits if wanted else None,
    )
    return rows.lines(_item_line)


_MOST_READ = 20_000


def _item_line(row: Row) -> ItemLine:
    return line_of(ItemLine, row, document=msgspec.Raw(str(row["document"]).encode()))  # type: ignore[arg-type]


def _shown_items(lines: tuple[ItemLine, ...]) -> str:
    shown = (f"{line.kind.value:12} {line.key}{_value(line)}" for line in lines)
    return "\n".join(in_one_line(line) for line in shown) or "(nothing told)"


def _value(line: ItemLine) -> str:
    decode = msgspec.json.decode
    match line.kind:
        case ItemKind.VARIABLE:
            return "".join(_attributes(decode(line.document, type=Variable)))
        case ItemKind.MONITOR:
            monitor = decode(line.document, type=Monitor)
            when = ", in sessions" if monitor.transaction else ""
            return (
                f" on {monitor.variable}: {monitor.type} {monitor.value}, severity {monitor.severity}{when}"
            )
        case ItemKind.DER_CONTROL:
            control = decode(line.document, type=DerControl)
            when = f"{'default' if control.is_default else 'scheduled'}{', superseded' if control.superseded else ''}"
            return f" {control.type}, {when}: {bytes(control.terms).decode()}"
        case ItemKind.EVENT_STREAM:
            stream = decode(line.document, type=Stream)
            latest = (
                f", latest {stream.latest[-1][1]} at {stream.latest[-1][0]:%F %TZ}" if stream.latest else ""
            )
            return f" of monitor {stream.monitor}{latest}"
        case ItemKind.BATTERY:
            battery = decode(line.document, type=Battery)
            return (
                f" in slot {battery.evse_id}: {battery.soc_percent} % full, {battery.soh_percent} % healthy"
            )
        case ItemKind.CHARGING_PROFILE:
            return f" {profile_text(decode(line.document, type=Profile))}"
        case _:
            return f" {bytes(line.document).decode()}"


def _attributes(variable: Variable) -> Iterator[str]:
    unit = variable.characteristics.unit if variable.characteristics else None
    for attribute in variable.attributes:
        name = "" if attribute.type == "Actual" else f" {attribute.type}"
        yield f"{name} = {'' if attribute.value is None else attribute.value}{f' {unit}' if unit else ''}"
        told = (attribute.mutability, "after the next reboot" if attribute.pending else None)
        if any(told):
            yield f" ({', '.join(one for one in told if one)})"


# --- reports ----------------------------------------------------------------------------------------


class ListReports(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Station
    party: OurParty = None
    limit: Annotated[Count, Meta(description="Most lines, the newest first.")] = 20
    after: After = None


class ReportLine(msgspec.Struct, frozen=True, kw_only=True):
    """A report that the station made, or is about to make, in several messages."""

    kind: ItemKind
    request_id: int
    whole: bool
    """Everything of the kind was asked for."""
    messages: int
    """How many of them came."""
    missing: tuple[int, ...]
    """Numbers of messages that did not come, up to the last or the highest that did."""
    items: int
    began_at: datetime
    complete_at: datetime | None


async def list_reports(desk: Desk, params: ListReports) -> Page[ReportLine]:
    where, order = await _station(desk, params.station, params.party), ("-began_at",)
    rows = await page_of(desk, t.station_report, [where], order, limit=params.limit, after=params.after)
    return rows.lines(_report_line)


def _report_line(row: Row) -> ReportLine:
    parts = set(msgspec.json.decode(str(row["parts"]), type=list[int]))
    last = max(parts, default=-1)
    missing = tuple(number for number in range(last + 1) if number not in parts)
    return line_of(ReportLine, row, messages=len(parts), missing=missing)  # type: ignore[arg-type]


# --- having a station tell everything ---------------------------------------------------------------


class TakeInventory(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Station
    party: OurParty = None
    deadline_s: Annotated[
        Annotated[int, Meta(ge=1, le=600)], Meta(description="How long to wait for the last message.")
    ] = 60


class InventoryEnd(msgspec.Struct, frozen=True):
    station: str
    variables: int
    """How many variables, or configuration keys, the station has."""
    messages: int
    """In how many messages it told them."""


async def take_inventory(desk: Desk, params: TakeInventory) -> InventoryEnd:
    """Have a station tell its whole device model, or its configuration, and wait until it has."""
    owner = (await own_party(desk, params.party, Role.CPO)).id
    where = await _station(desk, params.station, params.party)
    state = await desk.spine.get(t.station_state, owner=str(owner), station_id=params.station)
    protocol = Protocol(str(state["protocol"])) if state and state["protocol"] else Protocol.OCPP201
    request_id = desk.chance.fresh().number
    station = Configured(
        spine=desk.spine,
        owner=owner,
        station_id=params.station,
        protocol=protocol,
        call=partial(_call, desk, owner, params),
        quirks=await _quirks(desk, where, state),
    )
    await tell_all(station, request_id)
    if not await told_all(station, request_id, params.deadline_s):
        says = f"{params.station} did not tell all in {params.deadline_s} s"
        raise Refused(Kind.UNREACHABLE, says, "see `elstrada station reports`; what came is kept")
    messages = await _messages(desk, where, request_id)
    rows = await desk.spine.count(t.station_item, {**where, "kind": ItemKind.VARIABLE.value})
    return InventoryEnd(params.station, sum(int(str(row["count"])) for row in rows), messages)


async def _quirks(desk: Desk, key: dict[str, str], state: Row | None) -> tuple[Quirk, ...]:
    row = await desk.spine.get(t.station, **key)
    if row is None:
        return ()  # Taken off the roll meanwhile.
    said = msgspec.json.decode(str(row["document"]), type=device.Station).quirks
    return desk.quirks.of(make_in(state), said)


async def _call(
    desk: Desk, owner: PartyId, params: TakeInventory, action: str, fields: Mapping[str, object]
) -> CommandDone:
    payload = msgspec.json.encode(fields).decode()
    deadline_s = min(params.deadline_s, desk.waits.command_s)
    command_id, answer = await called(desk, owner, params.station, action, payload, deadline_s)
    if answer.result is not CommandResult.ACCEPTED:
        raise not_done(params.station, action, command_id, answer)
    return answer


async def _messages(desk: Desk, where: Where, request_id: int) -> int:
    """In how many messages a report came; an answer that is no report is one."""
    key = {**where, "kind": ItemKind.VARIABLE.value, "request_id": request_id}
    rows = await desk.spine.find(t.station_report, key, limit=1)
    return _report_line(rows[0]).messages if rows else 1


# --- customers --------------------------------------------------------------------------------------


class ReadCustomer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Station
    request: Annotated[int, Meta(ge=0, description="The requestId of the CustomerInformation it answers.")]
    party: OurParty = None


class CustomerText(msgspec.Struct, frozen=True, kw_only=True):
    """What a station knows of a customer."""

    station: str
    request_id: int
    text: str
    missing: tuple[int, ...]
    """Numbers of messages that did not come."""
    complete: bool


async def read_customer(desk: Desk, params: ReadCustomer) -> CustomerText:
    """Put together what a station told of a customer."""
    where = await _station(desk, params.station, params.party)
    kind = ItemKind.CUSTOMER_INFORMATION.value
    key = {**where, "kind": kind, "request_id": params.request}
    reports = await desk.spine.find(t.station_report, key, limit=1)
    if not reports:
        says = f"{params.station} told nothing for request {params.request}"
        raise Refused(Kind.MISSING, says, "ask it with `elstrada station call` and CustomerInformation")
    begin, end = f"{params.request}/", f"{params.request}0"  # In ASCII, 0 follows the slash.
    pieces = await desk.spine.find(
        t.station_item, {**where, "kind": kind, "key": Between(begin, end)}, order=("key",)
    )
    report = _report_line(reports[0])
    if not pieces and report.messages:
        says = f"what {params.station} told for request {params.request} was erased here"
        raise Refused(Kind.MISSING, says, "ask it again with `elstrada station call` and CustomerInformation")
    return CustomerText(
        station=params.station,
        request_id=params.request,
        text="".join(msgspec.json.decode(str(piece["document"]), type=str) for piece in pieces),
        missing=report.missing,
        complete=report.complete_at is not None,
    )


class ForgetItems(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Station
    kind: Annotated[ItemKind, Meta(description="What to forget.")]
    party: OurParty = None


class Forgotten(msgspec.Struct, frozen=True):
    station: str
    kind: ItemKind
    items: int


async def forget_items(desk: Desk, params: ForgetItems) -> Forgotten:
    """Forget what a station told, of one kind; the station itself forgets nothing."""
    where = {**await _station(desk, params.station, params.party), "kind": params.kind.value}
    rows = await desk.spine.find(t.station_item, where, limit=_MOST_READ)
    deletes = tuple(Delete(t.station_item, {**where, "key": row["key"]}) for row in rows)
    if deletes:
        await desk.spine.commit(Work(writes=deletes))
    return Forgotten(params.station, params.kind, len(rows))


# --- notices ----------------------------------------------------------------------------------------


class ListNotices(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Annotated[str | None, Meta(description="Only this one's.")] = None
    kind: Annotated[NoticeKind | None, Meta(description="Only these.")] = None
    alarms: Annotated[bool, Meta(description="Only those that somebody should look at.")] = False
    party: OurParty = None
    limit: Annotated[Count, Meta(description="Most lines, the newest first.")] = 100
    after: After = None


class NoticeLine(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    station: str
    kind: NoticeKind
    status: str
    severity: int
    subject: str
    request_id: int | None
    evse_id: int | None
    text: str
    answer: str
    """What we answered, where that is a decision of ours."""


async def list_notices(desk: Desk, params: ListNotices) -> Page[NoticeLine]:
    owner = str((await own_party(desk, params.party, Role.CPO)).id)
    wheres: list[Where] = [{"owner": owner}]
    told = (params.station is not None, params.kind is not None, params.alarms)
    # There is an index for each; of several the rows of the first are looked through for the others.
    match told:
        case (True, _, _):
            assert params.station is not None
            wheres = [await _station(desk, params.station, params.party)]
        case (_, _, True):
            wheres = [{"owner": owner, "severity": severity} for severity in range(ALARMING + 1)]
        case (_, True, _):
            assert params.kind is not None
            wheres = [{"owner": owner, "kind": params.kind.value}]
        case _:
            pass

    def fits(row: Row) -> bool:
        alarm = row["severity"] in range(ALARMING + 1)
        return (alarm or not params.alarms) and params.kind in (None, row["kind"])

    rows = await page_of(
        desk,
        t.station_notice,
        wheres,
        ("-at",),
        limit=params.limit,
        after=params.after,
        fits=fits if sum(told) > 1 else None,
    )
    return rows.lines(_notice_line)


def _notice_line(row: Row) -> NoticeLine:
    notice = msgspec.json.decode(str(row["document"]), type=Notice)
    told = {name: getattr(notice, name) for name in NoticeLine.__struct_fields__ if name != "station"}
    return NoticeLine(station=str(row["station_id"]), **told)


async def _station(desk: Desk, station: str, party: str | None) -> dict[str, str]:
    """The key of a station of ours."""
    owner = str((await own_party(desk, party, Role.CPO)).id)
    what = f"station {station[:48]!r} of {owner}"
    await needed(desk, t.station, what, "see `elstrada station list`", owner=owner, station_id=station)
    return {"owner": owner, "station_id": station}


VERBS = (
    Verb(
        "station inventory",
        "Have a station tell everything it can be set to, and wait until it has.",
        TakeInventory,
        InventoryEnd,
        take_inventory,
        Part.POST,
    ),
    Verb(
        "station items",
        "List what a station has in store, as it last told.",
        ListItems,
        tuple[ItemLine, ...],
        list_items,
        show=_shown_items,
        reads=True,
    ),
    Verb(
        "station reports",
        "List the reports a station made in several messages.",
        ListReports,
        tuple[ReportLine, ...],
        list_reports,
        reads=True,
    ),
    Verb(
        "station customer",
        "Read what a station knows of a customer, once it was asked.",
        ReadCustomer,
        CustomerText,
        read_customer,
        arguments=2,
        reads=True,
    ),
    Verb(
        "station forget",
        "Forget what a station told, of one kind.",
        ForgetItems,
        Forgotten,
        forget_items,
        arguments=2,
    ),
    Verb(
        "station notices",
        "List what stations told of themselves: security events, updates, uploads, limits.",
        ListNotices,
        tuple[NoticeLine, ...],
        list_notices,
        reads=True,
    ),
)

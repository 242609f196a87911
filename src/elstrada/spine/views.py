"""Views: what each fact changes in which row. Pure, so that every engine and every rebuild agrees.

A change sets columns to values that the fact itself carries; it never reads the row. So changes of
one row within a commit can be merged, and replaying the log gives the same tables again. All changes of
a row come from one stream, so that shards can be replayed one after another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar, cast

import msgspec
from sqlalchemy import Table

from elstrada.model import facts as f
from elstrada.model.agreement import ALL_PARTIES
from elstrada.model.booking import LIVING as LIVING_BOOKINGS
from elstrada.model.cdr import CdrState, checked_state
from elstrada.model.device import CommandName
from elstrada.model.ids import PartyId
from elstrada.model.reservation import LIVING
from elstrada.model.session import Session
from elstrada.model.terminal import key_of
from elstrada.spine import tables as t
from elstrada.spine.face import Cell, Recorded

_encode = msgspec.json.Encoder().encode


class Change(msgspec.Struct, frozen=True):
    """Set ``columns`` of the row with ``key``; make it first, with ``first`` as well, if it is new."""

    table: Table
    key: tuple[Cell, ...]
    """In the order of the table's primary key."""
    columns: dict[str, Cell]
    first: dict[str, Cell] = {}


_Fact = TypeVar("_Fact")
_Project = Callable[[Any, Recorded, str, str], Iterable[Change]]
_PROJECTIONS: dict[type, _Project] = {}


def project(recorded: Recorded) -> Iterable[Change]:
    """The changes a recorded fact makes to the views."""
    projection = _PROJECTIONS.get(type(recorded.fact))
    if projection is None:
        return ()
    _, owner, rest = recorded.stream.split("/", 2)
    return projection(recorded.fact, recorded, owner, rest)


def _on(
    kind: type[_Fact],
) -> Callable[[Callable[[_Fact, Recorded, str, str], Iterable[Change]]], _Project]:
    def register(function: Callable[[_Fact, Recorded, str, str], Iterable[Change]]) -> _Project:
        _PROJECTIONS[kind] = cast(_Project, function)
        return _PROJECTIONS[kind]

    return register


def _said(**columns: Cell) -> dict[str, Cell]:
    """The columns a fact speaks of; silence (None) leaves a column as it is."""
    return {name: value for name, value in columns.items() if value is not None}


def _document(value: object) -> str:
    return _encode(value).decode()


# --- stations ---------------------------------------------------------------------------------------


@_on(f.StationConnected)
def _(fact: f.StationConnected, at: Recorded, owner: str, station: str) -> Iterable[Change]:
    columns: dict[str, Cell] = {
        "protocol": fact.protocol,
        "connection_id": fact.connection_id,
        "node": fact.node or None,
        "connected_at": at.at,
    }
    yield Change(t.station_state, (owner, station), columns)


@_on(f.StationDisconnected)
def _(fact: f.StationDisconnected, at: Recorded, owner: str, station: str) -> Iterable[Change]:
    columns: dict[str, Cell] = {
        "connection_id": None,
        "disconnected_at": at.at,
        "disconnect_reason": fact.reason,
    }
    yield Change(t.station_state, (owner, station), columns)


@_on(f.StationBooted)
def _(fact: f.StationBooted, at: Recorded, owner: str, station: str) -> Iterable[Change]:
    columns: dict[str, Cell] = {
        "vendor": fact.vendor,
        "model": fact.model,
        "serial": fact.serial,
        "firmware": fact.firmware,
        "booted_at": at.at,
    }
    yield Change(t.station_state, (owner, station), columns)


@_on(f.StationClockJudged)
def _(fact: f.StationClockJudged, at: Recorded, owner: str, station: str) -> Iterable[Change]:
    wrong = fact.wrong_since is not None
    columns: dict[str, Cell] = {
        "clock_ahead_s": fact.ahead_s if wrong else None,
        "clock_wrong_since": fact.wrong_since,
    }
    yield Change(t.station_state, (owner, station), columns)


@_on(f.ConnectorStatusChanged)
def _(fact: f.ConnectorStatusChanged, at: Recorded, owner: str, station: str) -> Iterable[Change]:
    columns: dict[str, Cell] = {
        "status": fact.status.value,
        "error_code": fact.error_code,
        "info": fact.info,
        "changed_at": at.at,
    }
    yield Change(t.connector_state, (owner, station, fact.evse_id, fact.connector_id), columns)


@_on(f.StationEventReported)
def _(fact: f.StationEventReported, at: Recorded, owner: str, station: str) -> Iterable[Change]:
    columns: dict[str, Cell] = {"at": at.at, "document": _document(fact.event)}
    yield Change(t.station_event, (owner, station, at.version), columns)


@_on(f.StationNoticed)
def _(fact: f.StationNoticed, at: Recorded, owner: str, station: str) -> Iterable[Change]:
    notice = fact.notice
    columns: dict[str, Cell] = {
        "at": notice.at,
        "kind": notice.kind.value,
        "severity": notice.severity,
        "status": notice.status,
        "document": _document(notice),
    }
    yield Change(t.station_notice, (owner, station, at.version), columns)


@_on(f.StrayReported)
def _(fact: f.StrayReported, at: Recorded, owner: str, station: str) -> Iterable[Change]:
    yield Change(t.stray, (owner, station, at.version), {"at": at.at, "document": _document(fact)})


# --- sessions ---------------------------------------------------------------------------------------


def _session(at: Recorded, owner: str, station: str, session_id: str, columns: dict[str, Cell]) -> Change:
    columns["updated_at"] = at.at
    return Change(
        t.session, (owner, session_id), columns, first={"station_id": station, "first_version": at.version}
    )


@_on(f.SessionStarted)
def _(fact: f.SessionStarted, at: Recorded, owner: str, station: str) -> Iterable[Change]:
    columns = _said(
        transaction_id=fact.transaction_id,
        start_key=fact.start_key,
        evse_id=fact.evse_id,
        connector_id=fact.connector_id,
        token_ref=fact.token_ref,
        token_party=fact.token_party and str(fact.token_party),
        auth_method=fact.auth_method and fact.auth_method.value,
        authorization_reference=fact.authorization_reference,
        command_id=fact.command_id,
        started_at=fact.at,
        meter_start_wh=fact.meter_wh,
        charging=fact.charging,
    )
    yield _session(at, owner, station, fact.session_id, columns)
    if fact.command_id is not None:
        led: dict[str, Cell] = {"led_to": fact.session_id, "awaited_until": at.at}
        yield Change(t.command, (owner, fact.command_id), led, first={"station_id": station})


@_on(f.SessionSeen)
def _(fact: f.SessionSeen, at: Recorded, owner: str, station: str) -> Iterable[Change]:
    columns = _said(transaction_id=fact.transaction_id, evse_id=fact.evse_id, connector_id=fact.connector_id)
    yield _session(at, owner, station, fact.session_id, columns)


@_on(f.SessionUpdated)
def _(fact: f.SessionUpdated, at: Recorded, owner: str, station: str) -> Iterable[Change]:
    columns = _said(
        evse_id=fact.evse_id,
        connector_id=fact.connector_id,
        token_ref=fact.token_ref,
        token_party=fact.token_party and str(fact.token_party),
        auth_method=fact.auth_method and fact.auth_method.value,
        authorization_reference=fact.authorization_reference,
        charging=fact.charging,
    )
    yield _session(at, owner, station, fact.session_id, columns)


@_on(f.MeterSampled)
def _(fact: f.MeterSampled, at: Recorded, owner: str, station: str) -> Iterable[Change]:
    if fact.session_id is not None:
        columns = _said(energy_wh=fact.energy_wh, power_w=fact.power_w)
        yield _session(at, owner, station, fact.session_id, columns)


@_on(f.SessionEnded)
def _(fact: f.SessionEnded, at: Recorded, owner: str, station: str) -> Iterable[Change]:
    columns = _said(ended_at=fact.at, energy_wh=fact.energy_wh, reason=fact.reason)
    columns |= {"power_w": 0, "charging": False, "presumed": fact.presumed and fact.presumed.value}
    yield _session(at, owner, station, fact.session_id, columns)


@_on(f.SessionReopened)
def _(fact: f.SessionReopened, at: Recorded, owner: str, station: str) -> Iterable[Change]:
    yield _session(at, owner, station, fact.session_id, {"ended_at": None, "presumed": None})


@_on(f.SessionCompleted)
def _(fact: f.SessionCompleted, at: Recorded, owner: str, station: str) -> Iterable[Change]:
    columns: dict[str, Cell] = {
        "started_at": fact.started_at,
        "ended_at": fact.ended_at,
        "energy_wh": fact.energy_wh,
        "completed_at": at.at,
        "meter_lacks": " ".join(fact.meter_lacks) or None,
    }
    yield _session(at, owner, station, fact.session_id, columns)


# --- commands ---------------------------------------------------------------------------------------


@_on(f.CommandRequested)
def _(fact: f.CommandRequested, at: Recorded, owner: str, station: str) -> Iterable[Change]:
    columns: dict[str, Cell] = {
        # What was called, for whoever looks at commands: the rest of it stands in the fact.
        "name": f"{fact.name.value} {fact.action}" if fact.action else fact.name.value,
        "asked_by": str(fact.asked_by),
        "session_id": fact.session_id,
        "requested_at": at.at,
    }
    if fact.name is CommandName.START:
        columns |= {
            "token_ref": fact.token_ref,
            "token_party": fact.token_party and str(fact.token_party),
            "evse_id": fact.evse_id,
            "connector_id": fact.connector_id,
            "authorization_reference": fact.authorization_reference,
        }
    yield Change(t.command, (owner, fact.command_id), columns, first={"station_id": station})


@_on(f.CommandAnswered)
def _(fact: f.CommandAnswered, at: Recorded, owner: str, station: str) -> Iterable[Change]:
    columns: dict[str, Cell] = {"result": fact.result.value, "detail": fact.detail, "answered_at": at.at}
    yield Change(t.command, (owner, fact.command_id), columns, first={"station_id": station})


@_on(f.ReservationChanged)
def _(fact: f.ReservationChanged, at: Recorded, owner: str, station: str) -> Iterable[Change]:
    one, lives = fact.reservation, fact.state in LIVING
    columns: dict[str, Cell] = {
        "state": fact.state.value,
        "evse_id": one.evse_id,
        "token_ref": one.token_ref,
        "token_party": one.token_party and str(one.token_party),
        "made_for": str(one.made_for),
        "partner_ref": one.partner_ref,
        "command_id": one.command_id,
        "session_id": one.session_id,
        "reserved_at": one.reserved_at,
        "expires_at": one.expires_at,
        "ended_at": None if lives else fact.at,
        "ended_by": str(fact.by) if fact.by is not None else fact.session_id,
        "detail": fact.detail,
        "changed_at": at.at,
        "document": _document(one),
    }
    yield Change(t.reservation, (owner, station, one.id), columns)


@_on(f.RemoteStartLapsed)
def _(fact: f.RemoteStartLapsed, at: Recorded, owner: str, station: str) -> Iterable[Change]:
    says = f"accepted, but no session began within {fact.waited_s} s"
    columns: dict[str, Cell] = {"detail": says, "awaited_until": at.at}
    yield Change(t.command, (owner, fact.command_id), columns, first={"station_id": station})


@_on(f.SessionPreferred)
def _(fact: f.SessionPreferred, at: Recorded, owner: str, _: str) -> Iterable[Change]:
    columns: dict[str, Cell] = {
        "party": str(fact.by),
        "answer": fact.answer.value,
        "document": _document(fact.preferences),
        "at": at.at,
    }
    yield Change(t.session_preference, (owner, fact.session_id), columns)


# --- bookings ---------------------------------------------------------------------------------------


@_on(f.BookingChanged)
def _(fact: f.BookingChanged, at: Recorded, owner: str, _: str) -> Iterable[Change]:
    one = fact.booked
    columns: dict[str, Cell] = {
        "state": one.state.value,
        "request_id": one.request_id.upper(),
        "made_for": str(one.made_for),
        "booking_location_id": one.booking_location_id,
        "location_id": one.location_id,
        "evse_uid": one.evse_uid,
        "starts_at": one.period.start,
        "ends_at": one.period.end,
        "opens_at": one.opens_at,
        "token_ref": one.token_refs[0] if one.token_refs else None,
        "session_id": one.session_id,
        "says": one.says,
        "made_at": one.made_at,
        "ended_at": None if one.state in LIVING_BOOKINGS else one.last_updated,
        "last_updated": one.last_updated,
        "document": _document(one),
    }
    yield Change(t.booking, (owner, one.id), columns)


# --- roaming, CDRs, bills ---------------------------------------------------------------------------


@_on(f.AgreementMade)
def _(fact: f.AgreementMade, at: Recorded, owner: str, _: str) -> Iterable[Change]:
    columns: dict[str, Cell] = {
        "document": _document(fact.agreement),
        "ended_at": None,
        "note": "",
        "changed_at": at.at,
    }
    yield Change(t.agreement, (owner, fact.peer_id, _party(fact.agreement.party)), columns)


@_on(f.AgreementEnded)
def _(fact: f.AgreementEnded, at: Recorded, owner: str, _: str) -> Iterable[Change]:
    columns: dict[str, Cell] = {"ended_at": at.at, "note": fact.note, "changed_at": at.at}
    yield Change(t.agreement, (owner, fact.peer_id, _party(fact.party)), columns)


def _party(party: PartyId | None) -> str:
    return ALL_PARTIES if party is None else str(party)


@_on(f.RoamedSessionChanged)
def _(fact: f.RoamedSessionChanged, at: Recorded, owner: str, _: str) -> Iterable[Change]:
    yield from _roamed(fact.session, at, owner)


@_on(f.RoamedSessionLapsed)
def _(fact: f.RoamedSessionLapsed, at: Recorded, owner: str, _: str) -> Iterable[Change]:
    yield from _roamed(fact.session, at, owner)


def _roamed(session: Session, at: Recorded, owner: str) -> Iterable[Change]:
    columns: dict[str, Cell] = {
        "status": session.status.value,
        "token_ref": session.token_ref,
        "kwh": session.kwh,
        "started_at": session.start_date_time,
        "last_updated": session.last_updated,
        "recorded_at": at.at,
        "document": _document(session),
        "id_key": key_of(session.id),
    }
    yield Change(t.roamed_session, (owner, str(session.party), session.id), columns)


@_on(f.ClientInfoChanged)
def _(fact: f.ClientInfoChanged, at: Recorded, owner: str, _: str) -> Iterable[Change]:
    client = fact.client
    columns: dict[str, Cell] = {
        "status": client.status.value,
        "reason": fact.reason.value,
        "last_updated": client.last_updated,
    }
    yield Change(t.client, (owner, fact.hub, str(client.party), client.role.value), columns)


@_on(f.TerminalChanged)
def _(fact: f.TerminalChanged, at: Recorded, owner: str, rest: str) -> Iterable[Change]:
    party, terminal_id = rest.split("/", 1)
    reference = fact.terminal.reference
    columns: dict[str, Cell] = {
        "cpo": str(fact.cpo),
        "peer_id": fact.peer_id,
        "state": fact.state.value,
        "reference": reference and key_of(reference),
        "updated_at": fact.terminal.last_updated,
        "document": _document(fact.terminal),
    }
    yield Change(t.terminal, (owner, party, terminal_id), columns, {"made_at": at.at})


@_on(f.PaymentAdvised)
def _(fact: f.PaymentAdvised, at: Recorded, owner: str, rest: str) -> Iterable[Change]:
    party, advice_id = rest.split("/", 1)
    advice = fact.advice
    columns: dict[str, Cell] = {
        "cpo": str(fact.cpo),
        "peer_id": fact.peer_id,
        "reference": key_of(advice.authorization_reference),
        "state": advice.capture_status_code.value,
        "updated_at": advice.last_updated,
        "content_hash": fact.content_hash or None,
        "document": _document(advice),
    }
    yield Change(t.advice, (owner, party, advice_id), columns, {"made_at": at.at})


def _cdr(fact: f.CdrIssued | f.CdrReceived, at: Recorded, state: CdrState) -> dict[str, Cell]:
    cdr = fact.cdr
    return {
        "state": state.value,
        "session_id": cdr.session_id,
        "token_ref": cdr.token_ref,
        "token_party": cdr.token_party and str(cdr.token_party),
        "started_at": cdr.start_date_time,
        "ended_at": cdr.end_date_time,
        "total_energy": cdr.total_energy,
        "currency": cdr.currency,
        "total_before_taxes": cdr.total_cost.before_taxes,
        "total_after_taxes": cdr.total_cost.after_taxes,
        "document": _document(cdr),
        "credits": cdr.credit_reference_id if cdr.credit else None,
        "evse_uid": cdr.cdr_location.evse_uid,
        "recorded_at": at.at,
        "id_key": key_of(cdr.id),
    }


@_on(f.CdrIssued)
def _(fact: f.CdrIssued, at: Recorded, owner: str, _: str) -> Iterable[Change]:
    state = CdrState.WITHHELD if fact.withheld else CdrState.ISSUED
    columns = _cdr(fact, at, state) | {"cost": _document(fact.cost)}
    if fact.withheld:
        columns["findings"] = "\n".join(fact.withheld)
    yield Change(t.cdr, (owner, str(fact.cdr.party), fact.cdr.id), columns)


@_on(f.CdrTakenBack)
def _(fact: f.CdrTakenBack, _: Recorded, owner: str, rest: str) -> Iterable[Change]:
    party, cdr_id = rest.split("/", 1)
    yield Change(t.cdr, (owner, party, cdr_id), {"credited_by": fact.credit_id})


@_on(f.CdrReissued)
def _(fact: f.CdrReissued, _: Recorded, owner: str, rest: str) -> Iterable[Change]:
    party, cdr_id = rest.split("/", 1)
    yield Change(t.cdr, (owner, party, cdr_id), {"replaced_by": fact.cdr_id})


@_on(f.CdrReceived)
def _(fact: f.CdrReceived, at: Recorded, owner: str, _: str) -> Iterable[Change]:
    columns = _cdr(fact, at, CdrState.RECEIVED) | {"content_hash": fact.content_hash}
    yield Change(t.cdr, (owner, str(fact.cdr.party), fact.cdr.id), columns)


@_on(f.CdrDelivered)
def _(fact: f.CdrDelivered, _: Recorded, owner: str, rest: str) -> Iterable[Change]:
    party, cdr_id = rest.split("/", 1)
    columns: dict[str, Cell] = {
        "state": CdrState.DELIVERED.value,
        "delivered_to": fact.peer_id,
        "delivered_url": fact.url,
    }
    yield Change(t.cdr, (owner, party, cdr_id), columns)


@_on(f.CdrChecked)
def _(fact: f.CdrChecked, _: Recorded, owner: str, rest: str) -> Iterable[Change]:
    party, cdr_id = rest.split("/", 1)
    columns: dict[str, Cell] = {
        "state": checked_state(fact.accepted, fact.findings).value,
        "findings": "\n".join(fact.findings),
        "unexamined": "\n".join(fact.unexamined),
    }
    yield Change(t.cdr, (owner, party, cdr_id), columns)


@_on(f.CdrDecided)
def _(fact: f.CdrDecided, at: Recorded, owner: str, rest: str) -> Iterable[Change]:
    party, cdr_id = rest.split("/", 1)
    columns: dict[str, Cell] = {"state": fact.state.value}
    if fact.state is CdrState.ISSUED:
        # It was withheld: whoever asks for what is new since then has not seen it.
        columns["recorded_at"] = at.at
    yield Change(t.cdr, (owner, party, cdr_id), columns)


@_on(f.CdrCredited)
def _(_: f.CdrCredited, __: Recorded, owner: str, rest: str) -> Iterable[Change]:
    party, cdr_id = rest.split("/", 1)
    yield Change(t.cdr, (owner, party, cdr_id), {"state": CdrState.CREDITED.value})


@_on(f.InvoiceRecordIssued)
def _(fact: f.InvoiceRecordIssued, at: Recorded, owner: str, _: str) -> Iterable[Change]:
    columns = _invoice_record(fact, at, "ISSUED") | {"to_party": str(fact.to_party)}
    yield from _invoiced(fact, at, owner, columns)


@_on(f.InvoiceRecordReceived)
def _(fact: f.InvoiceRecordReceived, at: Recorded, owner: str, _: str) -> Iterable[Change]:
    columns = _invoice_record(fact, at, "RECEIVED") | {
        "to_party": owner,
        "peer_id": fact.peer_id,
        "content_hash": fact.content_hash,
    }
    yield from _invoiced(fact, at, owner, columns)


def _invoice_record(
    fact: f.InvoiceRecordIssued | f.InvoiceRecordReceived, at: Recorded, state: str
) -> dict[str, Cell]:
    record = fact.record
    return {
        "state": state,
        "invoice_id": record.invoice_id,
        "cdrs": len(record.cdrs),
        "document": _document(record),
        "updated_at": at.at,
        "ended_at": None,
    }


def _invoiced(
    fact: f.InvoiceRecordIssued | f.InvoiceRecordReceived, at: Recorded, owner: str, columns: dict[str, Cell]
) -> Iterable[Change]:
    """The record, and each CDR that it lists, or did."""
    party, record_id = str(fact.record.party), fact.record.id
    yield Change(t.invoice_record, (owner, party, record_id), columns, first={"recorded_at": at.at})
    for cdr_id in dict.fromkeys(fact.record.cdrs):
        yield Change(t.invoiced_cdr, (owner, party, record_id, cdr_id), {"ended_at": None})
    for cdr_id in fact.dropped:
        yield Change(t.invoiced_cdr, (owner, party, record_id, cdr_id), {"ended_at": at.at})


@_on(f.InvoiceRecordDelivered)
def _(fact: f.InvoiceRecordDelivered, _: Recorded, owner: str, rest: str) -> Iterable[Change]:
    party, record_id = rest.split("/", 1)
    columns: dict[str, Cell] = {"state": "DELIVERED", "peer_id": fact.peer_id}
    yield Change(t.invoice_record, (owner, party, record_id), columns)


@_on(f.InvoiceRecordWithdrawn)
def _(fact: f.InvoiceRecordWithdrawn, at: Recorded, owner: str, rest: str) -> Iterable[Change]:
    yield from _uninvoiced(fact.cdrs, at, owner, rest, "WITHDRAWN")


@_on(f.InvoiceRecordRemoved)
def _(fact: f.InvoiceRecordRemoved, at: Recorded, owner: str, rest: str) -> Iterable[Change]:
    yield from _uninvoiced(fact.cdrs, at, owner, rest, "REMOVED")


def _uninvoiced(cdrs: tuple[str, ...], at: Recorded, owner: str, rest: str, state: str) -> Iterable[Change]:
    party, record_id = rest.split("/", 1)
    columns: dict[str, Cell] = {"state": state, "updated_at": at.at, "ended_at": at.at}
    yield Change(t.invoice_record, (owner, party, record_id), columns)
    for cdr_id in dict.fromkeys(cdrs):
        yield Change(t.invoiced_cdr, (owner, party, record_id, cdr_id), {"ended_at": at.at})


@_on(f.BillLineAdded)
def _(fact: f.BillLineAdded, at: Recorded, owner: str, _: str) -> Iterable[Change]:
    line = fact.line
    columns: dict[str, Cell] = {
        "contract_id": line.contract_id,
        "customer_id": line.customer_id,
        "cdr_party": str(line.cdr_party),
        "cdr_id": line.cdr_id,
        "ended_at": line.end_date_time,
        "quantity_kwh": line.quantity_kwh,
        "net": line.net,
        "gross": line.gross,
        "currency": line.currency,
        "document": _document(line),
        "recorded_at": at.at,
    }
    yield Change(t.bill_line, (owner, line.id), columns)

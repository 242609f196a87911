"""What follows from what the records say of a CDR: its findings, its price, and the customer's line."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import cast
from zoneinfo import ZoneInfo

import msgspec

from elstrada.billing.checks.face import Credited, Known, Neighbour, Retail
from elstrada.billing.plans import NotRated, bill_line, bill_line_id
from elstrada.billing.signed.verify import verify
from elstrada.billing.validate import Examined, Finding, examine, is_refused, may_be_billed
from elstrada.billing.vat import vat_percent
from elstrada.model.cdr import Cdr, CdrLocation, CdrState
from elstrada.model.cost import Cost
from elstrada.model.examination import Severity
from elstrada.model.ids import PartyId, owner_of
from elstrada.model.invoice import BillLine
from elstrada.roles.cdr_cases import Case
from elstrada.roles.rerating import POLICIES
from elstrada.spine.face import Row
from elstrada.tariffs.policy import OCPI_2_3_0
from elstrada.tariffs.price import price
from elstrada.tariffs.refusals import NotPriced, UnknownZone
from elstrada.tariffs.usage import usage_of, zone_named

NO_LINE = "RATE"
"""Check id of a finding that is no fault of the CDR: something of ours is missing to rate it."""

_ZONES_LIE_WITHIN = (timedelta(hours=-12), timedelta(hours=14))
"""Of UTC."""
NOT_COVERED = "does not cover"
"""Of a contract, in the finding of a session on another day."""

log = logging.getLogger(__name__)

Of = tuple[PartyId, PartyId, str]
"""Whose copy, party and id of a CDR."""


class Beside(msgspec.Struct):
    """What the same work says of other CDRs."""

    accepted: set[Of] = msgspec.field(default_factory=set[Of])
    lines: dict[Of, BillLine] = msgspec.field(default_factory=dict[Of, BillLine])
    """Of the CDRs that get one."""
    credited: dict[Of, str] = msgspec.field(default_factory=dict[Of, str])
    """By which credit CDR."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What was found in a CDR, and what it leads to if nothing stands against it."""

    examined: Examined
    cost: Cost | None = None
    """As its own tariffs give it; None: it was not reckoned."""
    line: BillLine | None = None
    """None: it cannot be rated, or nobody's bill has a line of it."""

    @property
    def may_be_billed(self) -> bool:
        return may_be_billed(self.examined.findings)


class _Placed(msgspec.Struct, frozen=True):
    """Of a CDR's document only where it was."""

    cdr_location: CdrLocation


_placed = msgspec.json.Decoder(_Placed).decode


def verdict(case: Case, beside: Beside) -> Verdict:
    """Examine a CDR, price it and rate it."""
    try:
        return _verdict(case, known_of(case, beside))
    except ArithmeticError:  # 1E+999999 kWh in the year 9999: no peer stops the bills of the others.
        return Verdict(examined=Examined((_held("a number or a date in the CDR is beyond reckoning"),)))
    except Exception as fault:  # Nor does a fault of ours that one CDR brings to light.
        log.exception("CDR %s of %s cannot be examined", case.fact.cdr.id, case.fact.cdr.party)
        says = f"it cannot be examined, by a fault of ours that the log tells: {type(fault).__name__}"
        return Verdict(examined=Examined((_held(says),)))


def known_of(case: Case, beside: Beside) -> Known:
    """All that we know beside a CDR, but for its price."""
    token, cdr = case.token, case.fact.cdr
    zone, guessed = _zone_of(case)
    return Known(
        token=token is not None or case.at_terminal,
        now=case.now,
        received_at=case.received_at,
        limits=case.terms.thresholds,
        content_hash=case.fact.content_hash,
        earlier_hash=case.earlier,
        blocked_since=token.blocked_since(cdr.start_date_time) if token else None,
        whitelist=token.whitelist if token and token.last_updated <= cdr.start_date_time else None,
        billed_as=case.billed_as or _billed_beside(case, beside),
        given_back=_given_back(case, beside),
        original=_original(case, beside),
        vat_percent=_vat_percent(cdr, zone),
        zone=zone,
        zone_guessed=guessed,
        place=case.place,
        places=case.places,
        tariffs_then=case.tariffs_then or None,
        session=case.session,
        sessions=case.sessions,
        of_token=_neighbours(case.of_token, beside),
        at_evse=_neighbours(case.at_evse, beside),
        month_kwh=case.month_kwh,
        sender_may=case.sender_may,
        reference_given=_reference_given(case),
        reserved=case.reserved,
        signed=verify(cdr.signed_data) if cdr.signed_data else None,
    )


def _verdict(case: Case, known: Known) -> Verdict:
    cdr, severities = case.fact.cdr, case.terms.severities
    examined = examine(cdr, known, severities)
    if _cannot_be_priced(examined.findings):
        return Verdict(examined=examined)
    known = _priced(case, known)
    if cdr.credit or case.token is None:
        return Verdict(examined=examine(cdr, known, severities), cost=known.cost)
    line = _rated(case, case.token.contract_id)
    if isinstance(line, Finding):
        examined = examine(cdr, known, severities)
        examined = msgspec.structs.replace(examined, findings=(*examined.findings, line))
        return Verdict(examined=examined, cost=known.cost)
    known = msgspec.structs.replace(known, retail=Retail(net=line.net, currency=line.currency))
    return Verdict(examined=examine(cdr, known, severities), cost=known.cost, line=line)


def _cannot_be_priced(findings: Iterable[Finding]) -> bool:
    """A CDR with impossible times or periods is none that can be priced, whatever is agreed of such findings."""
    return is_refused(findings) or any(one.check in ("V06", "V17", "V18") for one in findings)


def _priced(case: Case, known: Known) -> Known:
    """With the price that the CDR's own tariffs give (V20), as its version reads them; one without is V25's business."""
    cdr = case.fact.cdr
    if not cdr.tariffs:
        return known
    try:
        policy = POLICIES.get(case.sender_speaks or "", OCPI_2_3_0)
        cost = price(usage_of(cdr, time_zone=_zone(case).key), cdr.tariffs, policy)
    except NotPriced as refusal:
        return msgspec.structs.replace(known, not_priced=str(refusal))
    return msgspec.structs.replace(known, cost=cost)


def _rated(case: Case, contract_id: str) -> BillLine | Finding:
    """The line, or why there is none."""
    cdr, contract = case.fact.cdr, case.contract
    if contract is None:
        return _held(f"contract {contract_id} is not in the records: add it")
    try:
        zone = _zone(case)
    except UnknownZone as refusal:
        return _held(str(refusal))
    day = cdr.start_date_time.astimezone(zone).date()
    plan_id = contract.plan_on(day)
    plan = case.plans.get(plan_id)
    if plan is None:
        return _held(f"plan {plan_id} of contract {contract_id} is not in the records: add it")
    try:
        line = bill_line(cdr, plan.on(day), contract, zone=zone)
    except NotRated as refusal:
        return _held(str(refusal))
    if day < contract.valid_from or (contract.valid_to is not None and day > contract.valid_to):
        return Finding("V30", Severity.HOLD, f"contract {contract_id} {NOT_COVERED} {day}")
    return line if line.vat_percent is not None else _held("; ".join(line.notes))


def taken_back(line: BillLine, credit: Cdr) -> BillLine:
    """The line that takes another back: the same with every amount negative, not rated anew."""
    return msgspec.structs.replace(
        line,
        id=bill_line_id(credit),
        cdr_id=credit.id,
        quantity_kwh=-line.quantity_kwh,
        net=-line.net,
        vat=None if line.vat is None else -line.vat,
        gross=None if line.gross is None else -line.gross,
        wholesale_net=-line.wholesale_net,
        lines=tuple(
            msgspec.structs.replace(one, quantity=-one.quantity, measured=-one.measured, amount=-one.amount)
            for one in line.lines
        ),
        notes=(*line.notes, f"takes back {line.id}"),
        credit_of=line.id,
    )


# --- what other CDRs say of it ----------------------------------------------------------------------


def of_row(row: Row) -> Of:
    """The key of a CDR's row."""
    owner, party = (PartyId.parse(str(row[name])) for name in ("owner", "party"))
    return owner, party, str(row["cdr_id"])


def _billed_beside(case: Case, beside: Beside) -> str | None:
    billed = beside.lines.keys() - beside.credited
    return next((of[2] for of in map(of_row, case.others) if of in billed), None)


def _given_back(case: Case, beside: Beside) -> tuple[Cdr, ...]:
    return tuple(
        msgspec.json.decode(str(row["document"]), type=Cdr)
        for row in case.others
        if row["state"] == CdrState.CREDITED or of_row(row) in beside.credited
    )


def _original(case: Case, beside: Beside) -> Credited | None:
    original = case.original
    if original is None:
        return None
    of = owner_of(case.stream), original.cdr.party, original.cdr.id
    return Credited(
        cdr=original.cdr,
        by=original.by or beside.credited.get(of),
        accepted=original.accepted or of in beside.accepted,
    )


def _neighbours(rows: Iterable[Row], beside: Beside) -> tuple[Neighbour, ...]:
    """Those that were accepted, here or before."""
    found = [row for row in rows if row["state"] == CdrState.ACCEPTED or of_row(row) in beside.accepted]
    return tuple(_neighbour(row, _placed(str(row["document"])).cdr_location) for row in found)


def _neighbour(row: Mapping[str, object], place: CdrLocation) -> Neighbour:
    return Neighbour(
        party=str(row["party"]),
        cdr_id=str(row["cdr_id"]),
        start=cast(datetime, row["started_at"]),
        end=cast(datetime, row["ended_at"]),
        energy=cast(Decimal, row["total_energy"]),
        location_id=place.id,
        evse_uid=place.evse_uid,
        connector_id=place.connector_id,
        coordinates=place.coordinates,
    )


def _reference_given(case: Case) -> bool | None:
    """Those of payments at terminals are on record; those that CPOs get when they ask about a token are not."""
    return True if case.at_terminal else None


def _vat_percent(cdr: Cdr, zone: str | None) -> Decimal | None:
    """The rate on the session's last local day, as on the bill line; None where it is not known.

    Args:
        zone: None: it is not known; then the rate is that of all days which it may have been somewhere.
    """
    country, end = cdr.cdr_location.country, cdr.end_date_time
    if zone is not None:
        return vat_percent(country, end.astimezone(ZoneInfo(zone)).date())
    rates = {vat_percent(country, (end + ahead).date()) for ahead in _ZONES_LIE_WITHIN}
    return rates.pop() if len(rates) == 1 else None


def _zone_of(case: Case) -> tuple[str | None, bool]:
    """The zone of its place by name, and whether it was guessed from the country."""
    guessed = case.place is None and case.fact.cdr.time_zone is None
    try:
        return _zone(case).key, guessed
    except UnknownZone:
        return None, guessed


def _zone(case: Case) -> ZoneInfo:
    """The place's zone: by our copy of the location, else by the CDR, else by its country (rule 17)."""
    return zone_named(usage_of(case.fact.cdr, time_zone=case.place and case.place.time_zone).time_zone)


def _held(text: str) -> Finding:
    return Finding(NO_LINE, Severity.HOLD, text)

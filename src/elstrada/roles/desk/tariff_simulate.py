"""The verb that tells what a month's sessions would have cost by another tariff."""

from __future__ import annotations

import heapq
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.billing.called_off import NOTE, without_prices
from elstrada.model.cdr import Cdr
from elstrada.model.cost import Cost, Price
from elstrada.model.ids import PartyId
from elstrada.model.party import Role
from elstrada.model.tariff import Tariff
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.lookups import own_party
from elstrada.roles.desk.shapes import Month
from elstrada.roles.desk.tariff_check import stored_tariff
from elstrada.roles.desk.tariff_files import OcpiVersion, read_tariff
from elstrada.spine import tables as t
from elstrada.spine.face import Between, Row
from elstrada.spine.paging import pages
from elstrada.tariffs.compile import PriceList, compiled
from elstrada.tariffs.phrases import BOOKS, Phrases, Tongue
from elstrada.tariffs.refusals import NotPriced, UnusableTariff
from elstrada.tariffs.reprice import repriced, without_validity
from elstrada.tariffs.wording import money

_AT_ONCE = 50
"""CDRs priced between two turns of the loop: a few milliseconds."""
_Shown = Annotated[int, Meta(ge=0, le=1_000)]


class SimulateTariff(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    file: Annotated[bytes, Meta(description="A Tariff as JSON, of any version of OCPI.")]
    instead_of: Annotated[str | None, Meta(description="Only sessions priced by this one of ours.")] = None
    month: Annotated[
        Month | None, Meta(description="YYYY-MM, in which CDRs were made; by default the last.")
    ] = None
    limit: Annotated[_Shown, Meta(description="Most sessions told one by one.")] = 20
    version: Annotated[OcpiVersion | None, Meta(description="Of OCPI, of the file. Its fields tell.")] = None
    language: Annotated[Tongue, Meta(description="Of the text.")] = Tongue.EN
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None


class SimulatedSession(msgspec.Struct, frozen=True, kw_only=True):
    cdr_id: str
    started_at: datetime
    old: Price
    """As its CDR has it."""
    new: Price
    difference: Decimal
    """New less old, before taxes."""
    notes: tuple[str, ...]
    """Of the engine, on the new price."""


class UnpricedSession(msgspec.Struct, frozen=True, kw_only=True):
    cdr_id: str
    reason: str


class Simulation(msgspec.Struct, frozen=True, kw_only=True):
    """What a month's sessions cost, and would have cost."""

    owner: str
    tariff: str
    instead_of: str | None
    month: str
    language: Tongue
    currency: str
    sessions: int
    """All that were looked at."""
    priced: int
    old_before_taxes: Decimal
    """Of those that could be priced."""
    new_before_taxes: Decimal
    difference_before_taxes: Decimal
    old_after_taxes: Decimal | None
    """None: the tax of some is not known."""
    new_after_taxes: Decimal | None
    lines: tuple[SimulatedSession, ...]
    """Those with the greatest differences, the greatest first."""
    unpriced: int
    unpriced_lines: tuple[UnpricedSession, ...]
    """The first of those that could not be priced."""


class _Tally:
    """Sums, and the few sessions worth telling: as much memory for a million as for a hundred."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._greatest: list[tuple[Decimal, str, SimulatedSession]] = []
        self.unpriced_lines: list[UnpricedSession] = []
        self.priced = self.unpriced = 0
        self.old_net = self.new_net = Decimal(0)
        self.old_gross: Decimal | None = Decimal(0)
        self.new_gross: Decimal | None = Decimal(0)

    def price(self, one: SimulatedSession) -> None:
        self.priced += 1
        self.old_net += one.old.before_taxes
        self.new_net += one.new.before_taxes
        self.old_gross = _sum(self.old_gross, one.old.after_taxes)
        self.new_gross = _sum(self.new_gross, one.new.after_taxes)
        heapq.heappush(self._greatest, (abs(one.difference), one.cdr_id, one))
        if len(self._greatest) > self._limit:
            heapq.heappop(self._greatest)

    def refuse(self, one: UnpricedSession) -> None:
        self.unpriced += 1
        if len(self.unpriced_lines) < self._limit:
            self.unpriced_lines.append(one)

    @property
    def lines(self) -> tuple[SimulatedSession, ...]:
        return tuple(one for _, _, one in sorted(self._greatest, reverse=True))


async def simulate_tariff(desk: Desk, params: SimulateTariff) -> Simulation:
    """Price a month's sessions by another tariff, as if it had been valid then; nothing is changed."""
    owner = (await own_party(desk, params.party, Role.CPO)).id
    read = await read_tariff(desk, params.file, params.party, params.version)
    by = _usable(read.tariff)
    free = compiled(without_prices(by.tariff))
    if params.instead_of is not None:
        await stored_tariff(desk, owner, params.instead_of, "/instead_of")
    month = params.month or _last_month(desk.clock.now())
    tally = _Tally(params.limit)
    where = {"owner": str(owner), "recorded_at": _span(month)}
    async for rows in pages(desk.spine, t.cdr, where, ("recorded_at",), size=_AT_ONCE):
        for row in rows:
            _count(tally, row, owner, by, free, params.instead_of)
    return Simulation(
        owner=str(owner),
        tariff=by.name,
        instead_of=params.instead_of,
        month=month,
        language=params.language,
        currency=by.tariff.currency,
        sessions=tally.priced + tally.unpriced,
        priced=tally.priced,
        old_before_taxes=tally.old_net,
        new_before_taxes=tally.new_net,
        difference_before_taxes=tally.new_net - tally.old_net,
        old_after_taxes=tally.old_gross,
        new_after_taxes=tally.new_gross,
        lines=tally.lines,
        unpriced=tally.unpriced,
        unpriced_lines=tuple(tally.unpriced_lines),
    )


def _usable(tariff: Tariff) -> PriceList:
    try:
        return compiled(without_validity(tariff))
    except UnusableTariff as unusable:
        raise Refused(Kind.INVALID, f"the tariff cannot be used: {unusable}", pointer="/file") from None


def _count(
    tally: _Tally, row: Row, owner: PartyId, by: PriceList, free: PriceList, instead_of: str | None
) -> None:
    """Price one CDR, if it is ours and meant. One that a later one takes back is told as not priced."""
    if row["party"] != str(owner):
        return
    cdr = msgspec.json.decode(str(row["document"]), type=Cdr)
    if instead_of is not None and all(one.id.upper() != instead_of.upper() for one in cdr.tariffs):
        return
    taken_back = _taken_back(cdr, row)
    if taken_back is not None:
        tally.refuse(UnpricedSession(cdr_id=cdr.id, reason=taken_back))
        return
    try:
        # Who went away before any energy flowed pays nothing, whatever the tariff.
        cost = repriced(cdr, free if NOTE in str(row["cost"]) else by)
    except NotPriced as problem:
        tally.refuse(UnpricedSession(cdr_id=cdr.id, reason=str(problem)))
        return
    tally.price(_line(cdr, cost))


def _taken_back(cdr: Cdr, row: Row) -> str | None:
    """Why a CDR is nothing to price: it is a credit, or a credit took it back. Another may stand in its place."""
    if cdr.credit:
        return f"it credits CDR {cdr.credit_reference_id}"
    return None if row["credited_by"] is None else f"CDR {row['credited_by']} gives it back"


def _line(cdr: Cdr, cost: Cost) -> SimulatedSession:
    return SimulatedSession(
        cdr_id=cdr.id,
        started_at=cdr.start_date_time,
        old=cdr.total_cost,
        new=cost.total,
        difference=cost.total.before_taxes - cdr.total_cost.before_taxes,
        notes=cost.notes,
    )


def _sum(so_far: Decimal | None, one: Decimal | None) -> Decimal | None:
    return None if so_far is None or one is None else so_far + one


def _last_month(now: datetime) -> str:
    first = now.astimezone(UTC).replace(day=1)
    return (first - timedelta(days=1)).strftime("%Y-%m")


def _span(month: str) -> Between:
    """The month's instants in UTC, first inclusive and last exclusive."""
    year, number = int(month[:4]), int(month[5:])
    begin = datetime(year, number, 1, tzinfo=UTC)
    return Between(begin, datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC))


def _shown(told: Simulation) -> str:
    phrases = BOOKS[told.language]
    old, new = money(told.old_before_taxes, phrases), money(told.new_before_taxes, phrases)
    lines = [
        phrases["simulate.head"].format(
            month=told.month,
            priced=told.priced,
            sessions=told.sessions,
            tariff=told.tariff,
            currency=told.currency,
        ),
        phrases["simulate.sums"].format(
            old=old, new=new, difference=_signed(told.difference_before_taxes, phrases)
        ),
    ]
    if told.old_after_taxes is not None and told.new_after_taxes is not None:
        lines.append(
            phrases["simulate.sums_taxed"].format(
                old=money(told.old_after_taxes, phrases),
                new=money(told.new_after_taxes, phrases),
                difference=_signed(told.new_after_taxes - told.old_after_taxes, phrases),
            )
        )
    lines += [
        phrases["simulate.session"].format(
            cdr=one.cdr_id,
            old=money(one.old.before_taxes, phrases),
            new=money(one.new.before_taxes, phrases),
            difference=_signed(one.difference, phrases),
        )
        for one in told.lines
    ]
    if told.unpriced:
        lines.append(phrases["simulate.unpriced_head"].format(number=told.unpriced))
    lines += [
        phrases["simulate.unpriced"].format(cdr=one.cdr_id, reason=one.reason) for one in told.unpriced_lines
    ]
    return "\n".join(lines)


def _signed(amount: Decimal, phrases: Phrases) -> str:
    return ("+" if amount > 0 else "") + money(amount, phrases)


SIMULATE = Verb(
    "tariff simulate",
    "Tell what a month's sessions would have cost by another tariff.",
    SimulateTariff,
    Simulation,
    simulate_tariff,
    show=_shown,
    reads=True,
)

"""Replay real charging sessions through pricing, checking, retail rating and export; print the figures.

    python tools/replay_sessions.py [FILE] [--every N] [--csv OUT]

FILE is gzipped JSON lines: energy (kWh), start and end (ms since the epoch), id_pdc_itinerance (EVSE
id). Each row becomes a CDR of one period, priced by one of three usual kinds of tariff in turn, and,
if the checks let it pass, a bill line. Nothing is dropped: a row is billed or refused with a reason,
and the sums are taken twice, along different ways. Ends with 1 if they differ.
"""

from __future__ import annotations

import argparse
import gzip
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import cycle
from pathlib import Path
from time import perf_counter
from zoneinfo import ZoneInfo

import msgspec

from elstrada.billing.checks.face import Known
from elstrada.billing.export.csv import Export, to_csv
from elstrada.billing.plans import bill_line
from elstrada.billing.validate import examine, may_be_billed
from elstrada.model.cdr import Cdr, CdrLocation
from elstrada.model.cost import Cost
from elstrada.model.examination import Severity, Thresholds
from elstrada.model.ids import PartyId
from elstrada.model.invoice import BillLine, Contract, Plan, RetailMode
from elstrada.model.location import GeoLocation
from elstrada.model.quantity import hours
from elstrada.model.session import ChargingPeriod, PeriodDimension
from elstrada.model.tariff import (
    Dimension,
    PriceComponent,
    PriceLimit,
    Tariff,
    TariffElement,
    TariffRestrictions,
)
from elstrada.model.token import AuthMethod
from elstrada.tariffs.compile import PriceList, compiled
from elstrada.tariffs.price import price_with
from elstrada.tariffs.refusals import NotPriced
from elstrada.tariffs.usage import Usage

DATA = Path(__file__).parents[2] / "shared" / "data" / "sessions" / "fr_irve_sessions_110366.jsonl.gz"
CPO, EMSP = PartyId("FR", "XYZ"), PartyId("SE", "RET")
PARIS = ZoneInfo("Europe/Paris")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZERO = Decimal(0)
HALF_CENT = Decimal("0.005")
KNOWN = Known(token=True, now=datetime.now(UTC), limits=Thresholds(currency="EUR"))
AGREED = dict.fromkeys(("V09", "V28", "V34", "V49"), Severity.WARN)
"""One party stands for all operators here, no reading tells what a session took before a price changed, and some
sessions of a few seconds cost their start."""

PLAN = Plan(
    owner=EMSP,
    id="EUROPE",
    name="Europe",
    mode=RetailMode.FIXED_PER_KWH,
    currency="EUR",
    price_per_kwh=Decimal("0.449"),
    price_per_session=Decimal("0.35"),
)
CONTRACT = Contract(
    owner=EMSP,
    id="SERETC00000017",
    customer_id="4711",
    plan_id=PLAN.id,
    supply_point_id="735999100000000017",
    valid_from=date(2024, 1, 1),
)


class Row(msgspec.Struct, frozen=True):
    """A session as the file has it."""

    energy: Decimal
    start: int
    end: int
    id_pdc_itinerance: str

    def moments(self) -> tuple[datetime, datetime]:
        return EPOCH + timedelta(milliseconds=self.start), EPOCH + timedelta(milliseconds=self.end)


class Replay(msgspec.Struct):
    """What became of the rows."""

    rows: int = 0
    energy_kwh: Decimal = ZERO
    """Of the rows billed, as the file has it."""
    wholesale: dict[str, list[Decimal]] = {}
    """Per tariff: number, kWh, before and after taxes, exact sum of the lines."""
    lines: list[BillLine] = []
    refused: Counter[str] = msgspec.field(default_factory=Counter[str])
    notes: Counter[str] = msgspec.field(default_factory=Counter[str])


def tariffs() -> tuple[Tariff, ...]:
    """Three kinds that are common: by time of day, with a start and a parking fee, and by time."""

    def component(kind: Dimension, amount: str, step_size: int = 1) -> PriceComponent:
        return PriceComponent(kind, Decimal(amount), Decimal(20), step_size)

    def tariff(tariff_id: str, *elements: TariffElement, least: str | None = None) -> Tariff:
        return Tariff(
            party=CPO,
            id=tariff_id,
            currency="EUR",
            elements=elements,
            min_price=PriceLimit(Decimal(least)) if least else None,
            last_updated=EPOCH,
        )

    energy, time, parking, flat = Dimension.ENERGY, Dimension.TIME, Dimension.PARKING_TIME, Dimension.FLAT
    day = TariffRestrictions(start_time="07:00", end_time="22:00")
    return (
        tariff("DAY-NIGHT", TariffElement((component(energy, "0.49"),), day), TariffElement((component(energy, "0.39"),))),
        tariff("START-PARKING", TariffElement((component(flat, "0.50"), component(energy, "0.44"), component(parking, "6"))),),
        tariff("TIMED", TariffElement((component(time, "9", 60), component(energy, "0.29", 100))), least="1"),
    )  # fmt: skip


def read(path: Path, every: int = 1) -> Iterator[bytes]:
    """Each n-th line of the file."""
    with gzip.open(path) as file:
        yield from (line for number, line in enumerate(file) if number % every == 0)


def replay(lines: Iterable[bytes]) -> Replay:
    """Take every line to its end: a bill line, or a reason."""
    done = Replay()
    decode = msgspec.json.Decoder(Row).decode
    for (number, line), by in zip(enumerate(lines), cycle([compiled(one) for one in tariffs()])):
        done.rows += 1
        try:
            row = decode(line)
            billed = _bill(f"{number:036}", row, by, done)
        except (msgspec.DecodeError, NotPriced) as problem:
            done.refused[f"{type(problem).__name__}: {problem}"] += 1
            continue
        if billed is not None:
            done.lines.append(billed)
            done.energy_kwh += row.energy
    return done


def _bill(cdr_id: str, row: Row, by: PriceList, done: Replay) -> BillLine | None:
    start, end = row.moments()
    dimensions = (PeriodDimension("ENERGY", row.energy), PeriodDimension("TIME", hours(end - start)))
    periods = (ChargingPeriod(start, dimensions, by.tariff.id),)
    cost = price_with(Usage(start=start, end=end, time_zone=PARIS.key, currency="EUR", periods=periods), [by])
    cdr = _cdr(cdr_id, row, by.tariff, periods, cost)
    known = msgspec.structs.replace(KNOWN, cost=cost, zone=PARIS.key, received_at=end)
    findings = examine(cdr, known, AGREED).findings
    if not may_be_billed(findings):
        done.refused["; ".join(f"{one.check} {one.severity}" for one in findings)] += 1
        return None
    done.notes.update(note.split(":")[0] for note in cost.notes)
    sums = done.wholesale.setdefault(by.tariff.id, [ZERO] * 5)
    after = cost.total.after_taxes
    assert after is not None
    exact = sum((line.amount for line in cost.lines), ZERO)
    added = (1, row.energy, cost.total.before_taxes, after, exact)
    done.wholesale[by.tariff.id] = [one + more for one, more in zip(sums, added, strict=True)]
    return bill_line(cdr, PLAN, CONTRACT, zone=PARIS)


def _cdr(cdr_id: str, row: Row, tariff: Tariff, periods: tuple[ChargingPeriod, ...], cost: Cost) -> Cdr:
    start, end = row.moments()
    return Cdr(
        party=CPO,
        id=cdr_id,
        start_date_time=start,
        end_date_time=end,
        session_id=cdr_id,
        token_ref="",
        token_party=EMSP,
        auth_method=AuthMethod.WHITELIST,
        cdr_location=CdrLocation(
            id=row.id_pdc_itinerance,
            address="",
            city="",
            country="FRA",
            coordinates=GeoLocation("0", "0"),
            evse_uid=row.id_pdc_itinerance,
            evse_id=row.id_pdc_itinerance,
            connector_id="1",
            connector_standard="IEC_62196_T2_COMBO",
            connector_format="CABLE",
            connector_power_type="DC",
        ),
        time_zone=PARIS.key,
        currency=cost.currency,
        tariffs=(tariff,),
        charging_periods=periods,
        total_cost=cost.total,
        total_energy=row.energy,
        total_time=hours(end - start),
        last_updated=end,
    )


def contradictions(done: Replay, export: Export) -> list[str]:
    """Sums that should be equal and are not; empty when all is well."""
    totals, wholesale = export.totals, list(done.wholesale.values())
    count = Decimal(len(done.lines))
    pairs = (
        ("rows", Decimal(done.rows), count + done.refused.total()),
        ("CDRs", count, _column(wholesale, 0)),
        ("energy of lines and rows", sum((line.quantity_kwh for line in done.lines), ZERO), done.energy_kwh),
        ("energy of control totals", sum((t.quantity_kwh for t in totals), ZERO), done.energy_kwh),
        ("energy of CDRs", _column(wholesale, 1), done.energy_kwh),
        ("net", sum((line.net for line in done.lines), ZERO), sum((t.net for t in totals), ZERO)),
        ("gross", sum((t.net + t.vat for t in totals), ZERO), sum((t.gross for t in totals), ZERO)),
        ("wholesale of lines", sum((line.wholesale_net for line in done.lines), ZERO), _column(wholesale, 2)),
    )
    found = [f"{name}: {one} and {other}" for name, one, other in pairs if one != other]
    for name, (number, _, before, after, exact) in done.wholesale.items():
        # Each total was rounded once, so by half a cent at most; min_price only adds.
        if before < exact - number * HALF_CENT:
            found.append(f"{name}: {before} before tax, the lines sum to {exact}")
        if abs(after - before * Decimal("1.2")) > number * HALF_CENT * 2:
            found.append(f"{name}: {after} after tax is not 120 % of {before}")
    return found


def _column(rows: Sequence[Sequence[Decimal]], index: int) -> Decimal:
    return sum((row[index] for row in rows), ZERO)


def table(done: Replay, export: Export, seconds: float) -> Iterator[str]:
    """The figures as lines of text."""
    yield f"{done.rows:>12,} rows in {seconds:.1f} s ({done.rows / seconds:,.0f}/s)"
    yield f"{len(done.lines):>12,} billed"
    for reason, number in done.refused.most_common(20):
        yield f"{number:>12,} refused  {reason}"
    for note, number in done.notes.most_common(20):
        yield f"{number:>12,} noted    {note}"
    yield f"{'wholesale':<16}{'CDRs':>10}{'kWh':>18}{'before tax':>16}{'after tax':>16}"
    for name, (number, energy, before, after, _) in done.wholesale.items():
        yield f"{name:<16}{number:>10,}{energy:>18,}{before:>16,}{after:>16,}"
    yield f"{'retail':<16}{'lines':>10}{'kWh':>18}{'net':>16}{'gross':>16}"
    for total in export.totals:
        yield (
            f"{total.country} {total.vat_percent} %{total.lines:>18,}{total.quantity_kwh:>18,}"
            f"{total.net:>16,}{total.gross:>16,}"
        )


def main() -> int:
    arguments = argparse.ArgumentParser(description="Replay real sessions through pricing and billing.")
    arguments.add_argument("file", nargs="?", type=Path, default=DATA)
    arguments.add_argument("--every", type=int, default=1, help="take each n-th row only")
    arguments.add_argument("--csv", type=Path, help="write the retailer's CSV here")
    told = arguments.parse_args()
    if not told.file.is_file():
        print(f"{told.file} is not there: name a file of sessions", file=sys.stderr)
        return 2
    began = perf_counter()
    done = replay(read(told.file, told.every))
    export = to_csv(done.lines)
    print("\n".join(table(done, export, perf_counter() - began)))
    if told.csv:
        told.csv.write_bytes(export.body)
    wrong = contradictions(done, export)
    print("\n".join(wrong) or "All sums agree.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""Verbs on what meters told: figures by place and time, and what is odd."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.billing.export.quarters import FiguresLine, figures_csv
from elstrada.billing.metering.anomalies import Anomaly, Oddity, anomalies
from elstrada.billing.metering.buckets import Per, buckets, quarters_of_day
from elstrada.billing.metering.figures import exceeded_for, load, load_duration
from elstrada.billing.metering.quarters import quarters_between
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.meter_reading import By, Chosen, Group, groups, lines_of, owner_of
from elstrada.roles.desk.paging import After
from elstrada.roles.desk.shapes import Count

MOST_LINES = 100_000
"""Of one file."""
_USUAL_DAYS = timedelta(days=35)
"""Five of each weekday, so that one can be compared with four."""
_PERCENTS = (0, 1, 2, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)


# --- report -------------------------------------------------------------------------------------------


class ReportMeter(Chosen, frozen=True, kw_only=True):
    by: Annotated[By, Meta(description="What a line is about.")] = By.LOCATION
    per: Annotated[Per, Meta(description="Of which time a line is; local time.")] = Per.DAY
    limit: Annotated[Count, Meta(description="Most lines, place by place in order of time.")] = 100
    after: After = None


class MeterReport(msgspec.Struct, frozen=True, kw_only=True):
    owner: str
    by: By
    per: Per
    lines: tuple[FiguresLine, ...]
    """Only of times in which something was metered."""
    next: str | None
    """Where the next page begins; None: these were the last."""


async def report_meter(desk: Desk, params: ReportMeter) -> MeterReport:
    """Figures for each place and time in which something was metered."""
    owner = await owner_of(desk, params)
    name, bucket = _place(params) or (None, "")
    found: list[FiguresLine] = []
    async for group in groups(desk, owner, params, params.by, name):
        lines = await lines_of(desk, owner, group, params.per)
        if group.name == name:
            lines, name = _behind(lines, bucket), None
        found += lines if name is None else []
        if len(found) > params.limit:
            break
    if name is not None:
        raise _no_place()
    page = tuple(found[: params.limit])
    more = _told(params, page[-1]) if len(found) > params.limit else None
    return MeterReport(owner=owner, by=params.by, per=params.per, lines=page, next=more)


def _behind(lines: list[FiguresLine], bucket: str) -> list[FiguresLine]:
    """The lines behind that of a bucket, which is still there: of the past nothing goes but what is too old."""
    names = [line.bucket for line in lines]
    if bucket not in names:
        raise _no_place()
    return lines[names.index(bucket) + 1 :]


def _told(params: ReportMeter, line: FiguresLine) -> str:
    """A place in this report as a text: letters, digits, - and _."""
    text = msgspec.json.encode([params.by, params.per, line.name, line.bucket])
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def _place(params: ReportMeter) -> tuple[str, str] | None:
    """Name and bucket of the line behind which to go on; None: from the beginning."""
    if params.after is None:
        return None
    padded = params.after + "=" * (-len(params.after) % 4)
    try:
        told = msgspec.json.decode(base64.b64decode(padded, b"-_", validate=True), type=list[str])
    except (msgspec.MsgspecError, ValueError):
        raise _no_place() from None
    if len(told) != 4 or told[:2] != [params.by, params.per]:
        raise _no_place()
    return told[2], told[3]


def _no_place() -> Refused:
    says = "that is no place in this report; expected what the page before told"
    return Refused(Kind.USAGE, says, "leave --after out to begin anew", "/after")


def _report_shown(report: MeterReport) -> str:
    heads = (
        "name",
        "time",
        "kWh",
        "sessions",
        "failed",
        "in use",
        "charging",
        "peak kW",
        "loss",
        "between kWh",
    )
    rows = [heads, *(_shown_line(line) for line in report.lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    shown = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*shown, *([f"more with --after {report.next}"] if report.next else [])])


def _shown_line(line: FiguresLine) -> tuple[str, ...]:
    of = line.figures
    shares = (of.connected_share, of.charging_share)
    return (
        line.name,
        line.bucket,
        _kilo(of.energy_wh),
        str(of.ended),
        str(of.failed),
        *("-" if share is None else f"{share:.1%}" for share in shares),
        _kilo(of.peak_w),
        "-" if of.loss is None else f"{of.loss:.1%}",
        "-" if of.between_wh is None else _kilo(of.between_wh),
    )


def _kilo(number: int) -> str:
    """Wh as kWh, W as kW."""
    return f"{number // 1000}.{number % 1000:03}"


# --- export -------------------------------------------------------------------------------------------


class ExportMeter(Chosen, frozen=True, kw_only=True):
    by: Annotated[By, Meta(description="What a line is about.")] = By.LOCATION
    per: Annotated[Per, Meta(description="Of which time a line is; local time.")] = Per.DAY
    decimal_comma: Annotated[bool, Meta(description="0,25 instead of 0.25.")] = False


class MeterExport(msgspec.Struct, frozen=True, kw_only=True):
    owner: str
    csv: str


async def export_meter(desk: Desk, params: ExportMeter) -> MeterExport:
    """The whole report as CSV: the same rows give the same bytes."""
    owner = await owner_of(desk, params)
    lines: list[FiguresLine] = []
    async for group in groups(desk, owner, params, params.by):
        lines += await lines_of(desk, owner, group, params.per)
        if len(lines) > MOST_LINES:
            raise Refused(
                Kind.USAGE, f"there are more than {MOST_LINES} lines", "export less at a time", "/per"
            )
    return MeterExport(owner=owner, csv=figures_csv(lines, decimal_comma=params.decimal_comma))


def _export_file(export: MeterExport) -> bytes:
    return export.csv.encode()


# --- load duration ------------------------------------------------------------------------------------


class LoadMeter(Chosen, frozen=True, kw_only=True):
    pass


class LoadPoint(msgspec.Struct, frozen=True):
    percent: int
    """Of the time."""
    power_w: int
    """Average of a quarter of an hour that is reached for at least so long; 0 %: the peak."""


class LoadDuration(msgspec.Struct, frozen=True, kw_only=True):
    owner: str
    quarters: int
    """Of an hour, in the time asked for."""
    points: tuple[LoadPoint, ...]


async def load_meter(desk: Desk, params: LoadMeter) -> LoadDuration:
    """For how much of the time all EVSEs that are asked for, together, take how much."""
    owner = await owner_of(desk, params)
    (group,) = [group async for group in groups(desk, owner, params, By.PARTY)]
    quarters = len(list(quarters_between(group.since, group.until)))
    curve = load_duration(load(group.sessions), quarters)
    points = [(percent, exceeded_for(curve, percent)) for percent in _PERCENTS]
    told = tuple(LoadPoint(percent, power_w) for percent, power_w in points if power_w is not None)
    return LoadDuration(owner=owner, quarters=quarters, points=told)


def _load_shown(duration: LoadDuration) -> str:
    return "\n".join(f"{point.percent:>3} %  {_kilo(point.power_w):>12} kW" for point in duration.points)


# --- anomalies ----------------------------------------------------------------------------------------


class ListAnomalies(Chosen, frozen=True, kw_only=True):
    oddity: Annotated[Oddity | None, Meta(description="Only of this kind.")] = None
    limit: Annotated[Count, Meta(description="So many stop the list at the end of a station.")] = 100
    after: Annotated[
        Annotated[str, Meta(max_length=48)] | None, Meta(description="Go on behind this station.")
    ] = None


class Anomalies(msgspec.Struct, frozen=True, kw_only=True):
    owner: str
    lines: tuple[Anomaly, ...]
    next: str | None
    """The station behind which there may be more; None: these were all."""


async def list_anomalies(desk: Desk, params: ListAnomalies) -> Anomalies:
    """What is odd, station by station, in five weeks unless other time is asked for."""
    owner = await owner_of(desk, params)
    if not (params.day or params.month or params.since):
        params = msgspec.structs.replace(params, since=(params.until or desk.clock.now()) - _USUAL_DAYS)
    found, last = list[Anomaly](), None
    async for group in groups(desk, owner, params, By.STATION, params.after):
        if group.name == params.after:
            continue
        if len(found) >= params.limit:
            return Anomalies(owner=owner, lines=tuple(found), next=last)
        odd = anomalies(group.sessions, group.rises, tuple(_whole_days(group)), group.zone)
        found += [one for one in odd if params.oddity in (None, one.oddity)]
        last = group.name
    return Anomalies(owner=owner, lines=tuple(found), next=None)


def _whole_days(group: Group) -> Iterator[date]:
    """The local days of which all quarters lie in the time asked for."""
    days = buckets(quarters_between(group.since, group.until), Per.DAY, group.zone)
    for name, quarters in days.items():
        day = date.fromisoformat(name)
        if quarters_of_day(day, group.zone) == tuple(quarters):
            yield day


def _anomalies_shown(found: Anomalies) -> str:
    lines = [
        f"{one.at:%Y-%m-%d %H:%MZ}  {one.station_id}/{one.evse_id}  {one.oddity}  {one.says}"
        for one in found.lines
    ]
    more = [f"more with --after {found.next}"] if found.next else []
    return "\n".join([*(lines or ["Nothing is odd."]), *more])


VERBS = (
    Verb(
        "meter report",
        "Energy, use, peaks and losses by place and time.",
        ReportMeter,
        MeterReport,
        report_meter,
        show=_report_shown,
        reads=True,
    ),
    Verb(
        "meter export",
        "The same as CSV.",
        ExportMeter,
        MeterExport,
        export_meter,
        file=_export_file,
        reads=True,
    ),
    Verb(
        "meter load",
        "For how much of the time the load is how high.",
        LoadMeter,
        LoadDuration,
        load_meter,
        show=_load_shown,
        reads=True,
    ),
    Verb(
        "meter anomalies",
        "What is odd in stations' meters.",
        ListAnomalies,
        Anomalies,
        list_anomalies,
        show=_anomalies_shown,
        reads=True,
    ),
)

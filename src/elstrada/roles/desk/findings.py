"""Verbs on findings: what strayed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, cast

import msgspec
from msgspec import Meta

from elstrada.roles.desk.face import Desk, Verb
from elstrada.roles.desk.lookups import line_of
from elstrada.roles.desk.paging import After, Page, page_of
from elstrada.roles.desk.shapes import Count
from elstrada.roles.findings import MOST_KINDS
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Row, Where

_STATION = "station:"
_AT_ONCE = 500


class ListFindings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    source: Annotated[str | None, Meta(description="Only this one, like station:SE*ELS/S1.")] = None
    limit: Annotated[Count, Meta(description="Most lines, the newest first.")] = 100
    after: After = None


class FindingLine(msgspec.Struct, frozen=True, kw_only=True):
    source: str
    code: str
    count: int
    sample: str
    first_at: datetime
    last_at: datetime


async def list_findings(desk: Desk, params: ListFindings) -> Page[FindingLine]:
    where = {"source": params.source} if params.source else {}
    rows = await page_of(desk, t.finding, [where], ("-last_at",), limit=params.limit, after=params.after)
    return rows.lines(lambda row: line_of(FindingLine, row))


class ListMakes(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    code: Annotated[str | None, Meta(description="Only this one, as finding list tells it.")] = None
    limit: Annotated[Count, Meta(description="Most lines, those of the most stations first.")] = 100


class MakeLine(msgspec.Struct, frozen=True, kw_only=True):
    """How stations of one make stray."""

    vendor: str
    model: str
    code: str
    stations: int
    count: int
    last_at: datetime
    sample: str
    """Of the station that strayed last."""


async def list_makes(desk: Desk, params: ListMakes) -> tuple[MakeLine, ...]:
    """Sums of the latest kinds of findings, of which there are no more than ``MOST_KINDS``."""
    where = {"code": params.code} if params.code else {}
    rows = [
        row
        for row in await desk.spine.find(t.finding, where, order=("-last_at",), limit=MOST_KINDS)
        if str(row["source"]).startswith(_STATION)
    ]
    makes = await _makes(desk, {_station(row) for row in rows})
    alike: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        # Whoever never booted has told no make.
        vendor, model = makes.get(_station(row), ("", ""))
        alike.setdefault((vendor, model, str(row["code"])), []).append(row)
    lines = (_make_line(*key, found) for key, found in alike.items())
    ordered = sorted(
        lines, key=lambda line: (-line.stations, -line.count, line.vendor, line.model, line.code)
    )
    return tuple(ordered[: params.limit])


def _station(row: Row) -> tuple[str, str]:
    """Owner and identity of a finding's source."""
    owner, station_id = str(row["source"]).removeprefix(_STATION).split("/", 1)
    return owner, station_id


async def _makes(
    desk: Desk, stations: Iterable[tuple[str, str]]
) -> Mapping[tuple[str, str], tuple[str, str]]:
    of_owner: dict[str, list[str]] = {}
    for owner, station_id in stations:
        of_owner.setdefault(owner, []).append(station_id)
    makes: dict[tuple[str, str], tuple[str, str]] = {}
    for owner, ids in of_owner.items():
        for first in range(0, len(ids), _AT_ONCE):
            where: Where = {"owner": owner, "station_id": AnyOf(tuple(ids[first : first + _AT_ONCE]))}
            for row in await desk.spine.find(t.station_state, where):
                makes[owner, str(row["station_id"])] = str(row["vendor"] or ""), str(row["model"] or "")
    return makes


def _make_line(vendor: str, model: str, code: str, rows: Sequence[Row]) -> MakeLine:
    """Args: the latest row first."""
    return MakeLine(
        vendor=vendor,
        model=model,
        code=code,
        stations=len({_station(row) for row in rows}),
        count=sum(cast("int", row["count"]) for row in rows),
        last_at=cast("datetime", rows[0]["last_at"]),
        sample=str(rows[0]["sample"]),
    )


VERBS = (
    Verb(
        "finding makes",
        "Show how stations of each make stray, and how many of them.",
        ListMakes,
        tuple[MakeLine, ...],
        list_makes,
        reads=True,
    ),
    Verb(
        "finding list",
        "List what strayed, by source.",
        ListFindings,
        tuple[FindingLine, ...],
        list_findings,
        reads=True,
    ),
)

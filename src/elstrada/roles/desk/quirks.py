"""The verb that shows quirks: which a station has, why, and what it did that none of them explains."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.admission import Make
from elstrada.model.device import Station
from elstrada.model.party import Role
from elstrada.model.quirk import Quirk
from elstrada.roles.desk.face import Desk, Verb
from elstrada.roles.desk.lookups import line_of, needed, own_party
from elstrada.roles.desk.shapes import in_one_line
from elstrada.roles.quirks.deviations import is_unexplained
from elstrada.spine import tables as t
from elstrada.spine.makes import make_in

MOST_DEVIATIONS = 1_000


class ListQuirks(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Annotated[str | None, Meta(description="Only those of this one; else all that are known.")] = (
        None
    )
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None


class QuirkLine(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table, as it concerns us."""

    name: str
    vendor: str
    model: str
    firmware: str
    """Patterns: how the names begin, in any case; empty fits all."""
    reason: str
    does: tuple[str, ...]
    """What is done about it."""
    sources: tuple[str, ...]
    by_operator: bool
    """An operator said so of this station, whatever its make."""
    stations: int
    """Stations of this make, without what operators said of single ones."""


class DeviationLine(msgspec.Struct, frozen=True, kw_only=True):
    """What a station's software did that no quirk explains."""

    code: str
    count: int
    sample: str
    first_at: datetime
    last_at: datetime


class QuirksShown(msgspec.Struct, frozen=True, kw_only=True):
    station: str | None
    make: str | None
    """As it said when it booted last."""
    quirks: tuple[QuirkLine, ...]
    switched_off: tuple[str, ...]
    """Quirks of its make that an operator said it does not have."""
    unexplained: tuple[DeviationLine, ...]
    """Of a station: what to report, the latest first."""


async def list_quirks(desk: Desk, params: ListQuirks) -> QuirksShown:
    """Say which quirks are known, or which a station has."""
    owner = str((await own_party(desk, params.party, Role.CPO)).id)
    stations = await _stations_by_make(desk, owner)
    if params.station is None:
        lines = tuple(_line(row, stations, by_operator=False) for row in desk.quirks.rows)
        return QuirksShown(station=None, make=None, quirks=lines, switched_off=(), unexplained=())
    key = {"owner": owner, "station_id": params.station}
    what = f"station {params.station[:48]!r} of {owner}"
    record = await needed(desk, t.station, what, "see `elstrada station list`", **key)
    said = msgspec.json.decode(str(record["document"]), type=Station).quirks
    make = make_in(await desk.spine.get(t.station_state, **key))
    by_make = {row.name for row in desk.quirks.of(make, {})}
    quirks = desk.quirks.of(make, said)
    return QuirksShown(
        station=params.station,
        make=None if make is None else str(make),
        quirks=tuple(_line(row, stations, by_operator=row.name not in by_make) for row in quirks),
        switched_off=tuple(sorted(by_make - {row.name for row in quirks})),
        unexplained=await _unexplained(desk, f"station:{owner}/{params.station}"),
    )


async def _stations_by_make(desk: Desk, owner: str) -> dict[Make, int]:
    rows = await desk.spine.count(t.station_state, {"owner": owner}, by=("vendor", "model", "firmware"))
    makes = ((make_in(row), row["count"]) for row in rows)
    return {make: msgspec.convert(count, int) for make, count in makes if make is not None}


def _line(row: Quirk, stations: dict[Make, int], *, by_operator: bool) -> QuirkLine:
    return QuirkLine(
        name=row.name,
        vendor=row.vendor,
        model=row.model,
        firmware=row.firmware,
        reason=row.reason,
        does=row.does.words(),
        sources=row.sources,
        by_operator=by_operator,
        stations=sum(count for make, count in stations.items() if row.has(make)),
    )


async def _unexplained(desk: Desk, source: str) -> tuple[DeviationLine, ...]:
    rows = await desk.spine.find(t.finding, {"source": source}, order=("-last_at",), limit=MOST_DEVIATIONS)
    return tuple(line_of(DeviationLine, row) for row in rows if is_unexplained(str(row["code"])))


# --- for people -------------------------------------------------------------------------------------


def _shown(shown: QuirksShown) -> str:
    return "\n".join(in_one_line(line) for line in _lines(shown))


def _lines(shown: QuirksShown) -> Iterator[str]:
    if shown.station is not None:
        yield f"{shown.station}: {shown.make or 'never booted'}"
        if not shown.quirks:
            yield "  no quirk of it is known"
    for one in shown.quirks:
        by = ", because an operator said so" if one.by_operator else ""
        yield f"{one.name}{by}"
        fits = (("vendor", one.vendor), ("model", one.model), ("firmware", one.firmware))
        yield f"  who     {', '.join(f'{name} {text}' for name, text in fits if text)}; {one.stations} here"
        yield f"  why     this model {one.reason}"
        yield f"  does    {'; '.join(one.does) or 'nothing'}"
        for source in one.sources:
            yield f"  source  {source}"
    for name in shown.switched_off:
        yield f"{name}: switched off for this station by an operator"
    if shown.unexplained:
        yield "unexplained deviations, to be reported to the maker:"
    for one in shown.unexplained:
        yield f"  {one.count} x {one.code}: {one.sample}"


QUIRKS = Verb(
    "station quirks",
    "Show quirks of stations' software: all that are known, or those of one station.",
    ListQuirks,
    QuirksShown,
    list_quirks,
    show=_shown,
    arguments=0,
    optional="station",
    reads=True,
)

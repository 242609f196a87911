"""Verbs that load public registers and catalogues."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.datex.defects import Defect, Severity, Tally, tally
from elstrada.datex.irve import Imported, Unreadable, import_irve
from elstrada.model.ids import PartyId
from elstrada.model.location import Location
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.lookups import own_party
from elstrada.roles.desk.ocpi_catalogue import import_ocpi
from elstrada.roles.roaming.rows import location_row
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Put, Work

BATCH = 500
"""Locations per commit."""
_Importer = Annotated[str | None, Meta(description="Whose catalogue, one of our parties.")]


class ImportIrve(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    file: Annotated[bytes, Meta(description="IRVE 2.3.1 as JSON lines or CSV, perhaps gzipped.")]
    party: _Importer = None


class ImportOcpi(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    file: Annotated[bytes, Meta(description="Locations of OCPI 2.3.0 or 2.2.1: one, a list, or a response.")]
    party: _Importer = None


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a file: ``rows`` is what stood in it, and each row was taken over or rejected."""

    owner: str
    source: str
    rows: int
    points: int
    """Of the register's rows; of OCPI the locations taken over."""
    rejected: int
    locations: int
    """Written."""
    kept: tuple[str, ...]
    """Locations not written, because the owner has them from a better source."""
    tally: tuple[Tally, ...]
    defects: tuple[Defect, ...]


async def irve(desk: Desk, params: ImportIrve) -> ImportReport:
    """Load a French register."""
    owner = (await own_party(desk, params.party)).id
    try:
        # Reading the whole register takes seconds, in which a server's event loop goes on.
        found = await asyncio.to_thread(import_irve, params.file, desk.clock.now())
    except Unreadable as problem:
        raise Refused(Kind.INVALID, str(problem), "nothing was imported") from None
    return await _stored(desk, found, owner, "irve")


async def ocpi(desk: Desk, params: ImportOcpi) -> ImportReport:
    """Load locations that another party publishes."""
    owner = (await own_party(desk, params.party)).id
    found = await asyncio.to_thread(import_ocpi, params.file, desk.clock.now())
    return await _stored(desk, found, owner, "ocpi-file")


async def _stored(desk: Desk, found: Imported, party: PartyId, source: str) -> ImportReport:
    owner = str(party)
    kept: list[str] = []
    for batch in _batches(found.locations):
        better = await _from_elsewhere(desk, batch, owner, source)
        kept += sorted(f"{of}/{location_id}" for of, location_id in better)
        rows = (
            location_row(party, location, source)
            for location in batch
            if (str(location.party), location.id) not in better
        )
        await desk.spine.commit(Work(writes=tuple(Put(t.location, row) for row in rows)))
    return ImportReport(
        owner=owner,
        source=source,
        rows=found.rows,
        points=found.points,
        rejected=found.rejected,
        locations=len(found.locations) - len(kept),
        kept=tuple(kept),
        tally=tuple(tally(found.defects)),
        defects=found.defects,
    )


def _batches(locations: Sequence[Location]) -> Iterator[Sequence[Location]]:
    for start in range(0, len(locations), BATCH):
        yield locations[start : start + BATCH]


async def _from_elsewhere(
    desk: Desk, batch: Sequence[Location], owner: str, source: str
) -> set[tuple[str, str]]:
    """Those of a batch that the owner has from its own hand or from a peer: a file never replaces these."""
    ids = AnyOf(tuple(location.id for location in batch))
    rows = await desk.spine.find(t.location, {"owner": owner, "location_id": ids}, limit=10 * BATCH)
    return {(str(row["party"]), str(row["location_id"])) for row in rows if row["source"] != source}


def _shown(report: ImportReport) -> str:
    """The tally, and every rejected row: of the other defects there are too many to read."""
    rows = f"{report.rows} rows: {report.points} taken over, {report.rejected} rejected"
    lines = [f"{rows}; {report.locations} locations written for {report.owner} as {report.source}"]
    lines += [f"kept as it was, not from this file: {name}" for name in report.kept]
    lines += [
        f"{line.severity.value:<9} {line.code:<5} {line.count:>7}  {line.says} (first in row {line.first_row})"
        for line in report.tally
    ]
    lines += [
        f"row {defect.row} rejected: {defect.says}; {defect.field} {defect.value!r} {defect.done}"
        for defect in report.defects
        if defect.severity is Severity.REJECTED
    ]
    return "\n".join(lines)


VERBS = (
    Verb(
        "import irve", "Load a French register of charge points.", ImportIrve, ImportReport, irve, show=_shown
    ),
    Verb("import ocpi", "Load locations from an OCPI file.", ImportOcpi, ImportReport, ocpi, show=_shown),
)

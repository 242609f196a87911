"""What the operator learns of what strayed."""

from __future__ import annotations

import pytest
from desk_book import done

from elstrada.model import facts as f
from elstrada.model.ids import PartyId, station_stream
from elstrada.roles.desk.face import Desk
from elstrada.roles.desk.findings import MakeLine
from elstrada.roles.findings import Findings
from elstrada.spine.face import Append, Work

CPO, OTHER = PartyId("SE", "ELS"), PartyId("SE", "OTH")


async def booted(desk: Desk, owner: PartyId, station: str, vendor: str, model: str) -> None:
    facts = (
        f.StationConnected("ocpp1.6", f"{station}#1"),
        f.StationBooted(vendor=vendor, model=model, serial=None, firmware="1.0"),
    )
    await desk.spine.commit(Work(appends=(Append(station_stream(owner, station), 0, facts),)))


async def makes(desk: Desk, **params: object) -> list[MakeLine]:
    found = await done(desk, "finding makes", **params)
    assert isinstance(found, tuple)
    return list(found)


@pytest.mark.rule(20)
async def test_rule_20_what_strays_is_counted_by_make_over_all_stations_of_it(desk: Desk) -> None:
    await booted(desk, CPO, "S1", "Wallbox AG", "W1")
    await booted(desk, CPO, "S2", "Wallbox AG", "W1")
    await booted(desk, OTHER, "S1", "Pole Inc", "P9")
    findings = Findings(desk.spine, desk.clock)
    for owner, station, code in (
        (CPO, "S1", "enum"),
        (CPO, "S1", "enum"),
        (CPO, "S2", "enum"),
        (CPO, "S2", "maxLength"),
        (OTHER, "S1", "enum"),
        (CPO, "S3", "enum"),
    ):
        findings.note(f"station:{owner}/{station}", code, f"of {station}")
    findings.note("peer:SE*ELS/P1", "enum", "no station at all")
    await findings.flush()

    assert [(one.vendor, one.model, one.code, one.stations, one.count) for one in await makes(desk)] == [
        ("Wallbox AG", "W1", "enum", 2, 3),
        ("", "", "enum", 1, 1),
        ("Pole Inc", "P9", "enum", 1, 1),
        ("Wallbox AG", "W1", "maxLength", 1, 1),
    ]
    (line,) = await makes(desk, code="maxLength")
    assert (line.vendor, line.sample) == ("Wallbox AG", "of S2")
    assert line.last_at == desk.clock.now()
    assert len(await makes(desk, limit=2)) == 2

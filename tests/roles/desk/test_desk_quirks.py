"""`elstrada station quirks`: what is known of a station's make, and what nothing explains."""

from __future__ import annotations

from typing import Any

import pytest
from desk_book import StepClock, done

from elstrada.model import facts as f
from elstrada.model.ids import PartyId, station_stream
from elstrada.roles.desk.face import Desk, Kind, Refusal
from elstrada.roles.desk.table import verb_named
from elstrada.roles.findings import Findings
from elstrada.roles.quirks.table import ours
from elstrada.spine.face import Append, Work

CPO = PartyId("SE", "ELS")


async def told(desk: Desk, station_id: str, make: tuple[str, str, str | None], *strayed: str) -> None:
    """A station of a make, which has strayed."""
    vendor, model, firmware = make
    await done(desk, "station add", station=station_id)
    booted = f.StationBooted(vendor=vendor, model=model, firmware=firmware)
    await desk.spine.commit(Work((Append(station_stream(CPO, station_id), 0, (booted,), None),)))
    findings = Findings(desk.spine, desk.clock)
    for code in strayed:
        findings.note(f"station:{CPO}/{station_id}", code, f"MeterValues /x: of {code}")
    await findings.flush()


@pytest.fixture
async def known(desk: Desk) -> Desk:
    await done(desk, "party put", party="SE*ELS", roles=["CPO"], name="Els", currency="SEK")
    strayed = ("enum", "enum", "wrong password", "quirk growatt-local-time", "RpcFrameworkError")
    await told(desk, "S1", ("Growatt", "THOR_22AS", None), *strayed)
    await told(desk, "S2", ("Growatt", "THOR_11AS", "V5"))
    await told(desk, "S3", ("Elstrada", "Virtual", "1"))
    return desk


async def test_a_stations_quirks_are_shown_with_why_and_who_says_so(known: Desk, clock: StepClock) -> None:
    said: Any = await done(known, "station quirks", station="S1")
    assert said.make == "Growatt THOR_22AS, firmware not told"
    local, begin = said.quirks
    assert (local.name, local.does, local.stations) == ("growatt-local-time", ("repairs local-time",), 2)
    assert local.sources == ("https://github.com/evcc-io/evcc/issues/10399",)
    assert begin.name == "growatt-repeated-begin"
    assert {(one.code, one.count) for one in said.unexplained} == {("enum", 2), ("RpcFrameworkError", 1)}
    show = verb_named("station quirks").show
    assert show is not None
    text = show(said)
    assert "why     this model tells the time of the clock on the wall, without a zone" in text
    assert "2 x enum: MeterValues /x: of enum" in text
    card: Any = await done(known, "station show", station="S1")
    assert card.quirks == ("growatt-local-time", "growatt-repeated-begin")


async def test_an_operators_word_goes_before_the_make_until_it_is_taken_back(known: Desk) -> None:
    quirk = ("growatt-local-time=off", "openevse-kwh=on")
    treated: Any = await done(known, "station treat", station="S1", quirk=list(quirk))
    assert treated.quirks == quirk
    said: Any = await done(known, "station quirks", station="S1")
    assert [(one.name, one.by_operator) for one in said.quirks] == [
        ("openevse-kwh", True),
        ("growatt-repeated-begin", False),
    ]
    assert said.switched_off == ("growatt-local-time",)
    auto = ["growatt-local-time=auto", "openevse-kwh=auto"]
    treated = await done(known, "station treat", station="S1", quirk=auto)
    assert treated.quirks == ()
    other: Any = await done(known, "station quirks", station="S3")
    assert (other.quirks, other.unexplained) == ((), ())


async def test_without_a_station_all_that_is_known_is_shown_and_how_many_have_it(known: Desk) -> None:
    said: Any = await done(known, "station quirks")
    assert [one.name for one in said.quirks] == [row.name for row in ours().rows]
    assert {one.name for one in said.quirks if one.stations} == {
        "growatt-local-time",
        "growatt-repeated-begin",
    }


@pytest.mark.parametrize(
    ("kind", "quirk"),
    [
        (Kind.USAGE, "growatt-local-time"),
        (Kind.USAGE, "growatt-local-time=maybe"),
        (Kind.MISSING, "charm=on"),
    ],
)
async def test_what_cannot_be_said_of_a_quirk_is_refused(known: Desk, kind: Kind, quirk: str) -> None:
    answer = await done(known, "station treat", station="S1", quirk=[quirk])
    assert isinstance(answer, Refusal)
    assert answer.kind is kind

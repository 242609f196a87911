"""Figures and oddities of meters at the desk: sums, pages, bounds, and bytes that stay the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from elstrada.model.cdr import Cdr, CdrLocation
from elstrada.model.cost import Cost, Price
from elstrada.model.device import EvsePlace, Station
from elstrada.model.facts import CdrIssued
from elstrada.model.ids import PartyId, cdr_stream
from elstrada.model.location import Connector, Evse, EvseStatus, GeoLocation, Location
from elstrada.model.party import BusinessDetails, Party, Role
from elstrada.model.quarter import QuarterSource
from elstrada.model.token import AuthMethod
from elstrada.net.chance import SeededChance
from elstrada.roles.desk import meter_reading
from elstrada.roles.desk.face import Desk, Kind, Refusal
from elstrada.roles.desk.table import params_of, perform, verb_named
from elstrada.roles.keys import derived_keys
from elstrada.spine import quarters
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Cell, Put, Work
from elstrada.spine.memory import MemorySpine

OWNER = PartyId("SE", "ELS")
NOW = datetime(2026, 10, 27, 12, 4, tzinfo=UTC)
ZONES = {"L1": "Europe/Stockholm", "L2": "Asia/Kolkata"}
STATIONS = {"CP1": ("L1", "L1"), "CP2": ("L1",), "CP3": ("L2",), "CP4": ()}
QUARTER = timedelta(minutes=15)


class _Clock:
    def now(self) -> datetime:
        return NOW


def _json(value: msgspec.Struct) -> str:
    return msgspec.json.encode(value).decode()


def _location(name: str) -> Put:
    plug = Connector(
        id="1",
        standard="IEC_62196_T2",
        format="SOCKET",
        power_type="AC_3_PHASE",
        max_voltage=230,
        max_amperage=32,
        max_electric_power=22_000,
        last_updated=NOW,
    )
    evses = tuple(
        Evse(uid=uid, status=EvseStatus.AVAILABLE, connectors=(plug,), last_updated=NOW)
        for uid in ("CP1-1", "CP1-2", "CP2-1", "CP3-1")
    )
    one = Location(
        party=OWNER,
        id=name,
        address="1",
        city="Borås",
        country="SWE",
        coordinates=GeoLocation("57.0", "12.0"),
        evses=evses,
        time_zone=ZONES[name],
        last_updated=NOW,
    )
    row: dict[str, Cell] = {"owner": str(OWNER), "party": str(OWNER), "location_id": name, "source": "own"}
    row |= {"country": "SWE", "latitude": "57.0", "longitude": "12.0", "evses": 4, "audience": "public"}
    return Put(t.location, {**row, "document": _json(one), "last_updated": NOW})


def _station(name: str) -> Put:
    places = tuple(EvsePlace(n, where, f"{name}-{n}") for n, where in enumerate(STATIONS[name], 1))
    station = Station(owner=OWNER, id=name, places=places)
    key: dict[str, Cell] = {"owner": str(OWNER), "station_id": name}
    return Put(t.station, {**key, "document": _json(station), "changed_at": NOW})


def quarter(station_id: str, evse_id: int, at: datetime, energy_wh: int = 1_000, **other: Cell) -> Put:
    """A quarter of a session that begins and ends in it."""
    row: dict[str, Cell] = {"owner": str(OWNER), "session_id": f"{station_id}/{evse_id}/{at:%dT%H%M}"}
    row |= {"station_id": station_id, "evse_id": evse_id, "quarter": at, "energy_wh": energy_wh}
    row |= {"connected_s": 900, "charging_s": 450, "least_w": None, "peak_w": None, "imbalance_ma": None}
    row |= {"inlet_wh": None, "outlet_wh": None, "source": QuarterSource.METERED.value, "begun": True}
    row |= {"ended": True, "failed": energy_wh == 0, "begun_wh": None, "ended_wh": None}
    return Put(t.session_quarter, {**row, "total_wh": energy_wh, "total_s": 900, **other})


def _register(station_id: str, at: datetime, first_wh: int, last_wh: int) -> Put:
    key: dict[str, Cell] = {"owner": str(OWNER), "station_id": station_id, "evse_id": 1, "quarter": at}
    row: dict[str, Cell] = {
        "first_at": at,
        "first_wh": first_wh,
        "last_at": at + QUARTER / 2,
        "last_wh": last_wh,
    }
    return Put(t.register_quarter, key | row)


AUTUMN = datetime(2026, 10, 24, 22, tzinfo=UTC)
"""Midnight in Stockholm, of the day with 100 quarters."""
ROWS = (
    quarter("CP1", 1, AUTUMN),
    quarter("CP1", 1, AUTUMN + timedelta(hours=2)),  # The first hour from 2 to 3.
    quarter("CP1", 2, AUTUMN + timedelta(hours=3), 2_000),  # The second.
    quarter("CP2", 1, AUTUMN + timedelta(hours=3), 4_000),
    quarter("CP2", 1, AUTUMN + timedelta(hours=24, minutes=45), 500),  # 23:45 of the same day.
    quarter("CP2", 1, AUTUMN + timedelta(hours=25), 0),  # The next one.
    quarter("CP3", 1, AUTUMN - timedelta(hours=3, minutes=30), 7),  # Midnight in Kolkata.
    quarter("CP4", 1, AUTUMN, 30),  # Of no location.
    _register("CP2", AUTUMN + timedelta(hours=10), 1_000, 1_020),
)


def desk_with(*writes: Put) -> Callable[[Callable[[Desk], Awaitable[None]]], None]:
    def play(scene: Callable[[Desk], Awaitable[None]]) -> None:
        async def main() -> None:
            spine = MemorySpine(_Clock())
            await spine.start()
            own = Party(OWNER, (Role.CPO,), BusinessDetails("Elstrada"))
            party = Put(t.party, {"party": str(OWNER), "document": _json(own)})
            records = (party, *map(_location, ZONES), *map(_station, STATIONS))
            await spine.commit(Work(writes=(*records, *writes)))
            desk = Desk(spine=spine, keys=derived_keys("m"), clock=_Clock(), chance=SeededChance("m"))
            await scene(desk)

        asyncio.run(main())

    return play


async def asked(desk: Desk, name: str, **values: object) -> Any:
    verb = verb_named(name)
    assert verb is not None
    params = params_of(verb, values, strict=False)
    return params if isinstance(params, Refusal) else await perform(desk, verb, params)


async def lines(desk: Desk, **values: object) -> list[tuple[str, str, int]]:
    report = await asked(desk, "meter report", **values)
    assert not isinstance(report, Refusal), report
    return [(line.name, line.bucket, line.figures.energy_wh) for line in report.lines]


def test_a_local_day_is_counted_where_it_is_and_has_all_of_its_quarters() -> None:
    async def scene(desk: Desk) -> None:
        assert await lines(desk) == [
            ("L1", "2026-10-25", 8_500),
            ("L1", "2026-10-26", 0),
            ("L2", "2026-10-25", 7),
        ]
        (day,) = (await asked(desk, "meter report", day="2026-10-25", location="L1")).lines
        assert (day.quarters, day.time_zone, day.figures.evses) == (100, "Europe/Stockholm", 3)
        assert day.figures.connected_share == Decimal("0.0167")  # Five of 300 quarters.
        assert day.figures.energy_share == Decimal("0.0052")  # 8.5 kWh of 3 x 22 kW x 25 h.
        assert (day.figures.peak_w, day.figures.between_wh) == (24_000, 20)
        (short,) = (await asked(desk, "meter report", day="2026-10-25", location="L2")).lines
        assert short.quarters == 96

    desk_with(*ROWS)(scene)


def test_the_hour_that_comes_twice_is_two_lines() -> None:
    async def scene(desk: Desk) -> None:
        assert await lines(desk, location="L1", per="hour", day="2026-10-25") == [
            ("L1", "2026-10-25T00:00+02:00", 1_000),
            ("L1", "2026-10-25T02:00+02:00", 1_000),
            ("L1", "2026-10-25T02:00+01:00", 6_000),
            ("L1", "2026-10-25T09:00+01:00", 0),
            ("L1", "2026-10-25T23:00+01:00", 500),
        ]

    desk_with(*ROWS)(scene)


def test_every_way_to_group_has_the_same_sum_and_unplaced_stations_are_of_no_location() -> None:
    async def scene(desk: Desk) -> None:
        whole = {"month": "2026-10", "time_zone": "UTC"}
        for per in ("quarter", "hour", "day", "month"):
            sums = {
                by: sum(wh for *_, wh in await lines(desk, by=by, per=per, **whole))
                for by in ("party", "station", "evse", "location")
            }
            assert sums == {"party": 8_537, "station": 8_537, "evse": 8_537, "location": 8_507}, per
        assert [name for name, *_ in await lines(desk, by="evse", per="month")] == [
            "CP1/1",
            "CP1/2",
            "CP2/1",
            "CP3/1",
            "CP4/1",
        ]
        assert await lines(desk, by="party", per="month", location="L1") == [("SE*ELS", "2026-10", 8_500)]

    desk_with(*ROWS)(scene)


def test_parties_in_several_zones_are_counted_in_utc_and_say_so() -> None:
    async def scene(desk: Desk) -> None:
        report = await asked(desk, "meter report", by="party")
        assert {line.time_zone for line in report.lines} == {"UTC"}
        assert await lines(desk, by="party", time_zone="Europe/Rome") == [
            ("SE*ELS", "2026-10-24", 7),
            ("SE*ELS", "2026-10-25", 8_530),
            ("SE*ELS", "2026-10-26", 0),
        ]

    desk_with(*ROWS)(scene)


@pytest.mark.parametrize("by", ["party", "location", "station", "evse"])
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_pages_put_together_are_the_whole_report(by: str, limit: int) -> None:
    async def scene(desk: Desk) -> None:
        whole = (await asked(desk, "meter report", by=by, per="quarter")).lines
        found: list[object] = []
        after = None
        while True:
            page = await asked(desk, "meter report", by=by, per="quarter", limit=limit, after=after)
            assert len(page.lines) <= limit
            found += page.lines
            after = page.next
            if after is None:
                break
            assert len(page.lines) == limit
        assert tuple(found) == whole
        assert len(whole) == {"party": 7, "location": 7, "station": 9, "evse": 9}[by]

    desk_with(*ROWS)(scene)


def test_a_place_of_another_report_or_of_nothing_is_refused() -> None:
    async def scene(desk: Desk) -> None:
        page = await asked(desk, "meter report", by="evse", per="quarter", limit=1)
        for values in (
            {"by": "station", "per": "quarter"},
            {"by": "evse", "per": "hour"},
            {"by": "evse", "per": "quarter", "day": "2026-10-20"},
        ):
            refusal = await asked(desk, "meter report", after=page.next, **values)
            assert (refusal.kind, refusal.pointer) == (Kind.USAGE, "/after")

    desk_with(*ROWS)(scene)


def test_csv_has_every_figure_and_the_same_bytes_each_time() -> None:
    async def scene(desk: Desk) -> None:
        csv = (await asked(desk, "meter export", location="L1")).csv
        assert csv == (await asked(desk, "meter export", location="L1")).csv
        head, first, second, end = csv.split("\r\n")
        day = dict(zip(head.split(";"), first.split(";"), strict=True))
        assert (day["bucket"], day["energy_wh"], day["peak_at"], day["loss"]) == (
            "2026-10-25",
            "8500",
            "2026-10-25T01:00:00Z",
            "",
        )
        assert (day["success"], day["cdrs_missing"]) == ("1.0000", "5")
        assert second.startswith("L1;Europe/Stockholm;2026-10-26;96;3;0;0;1;1;1;0.0000;")
        assert end == ""
        assert ";0,0167;" in (await asked(desk, "meter export", location="L1", decimal_comma=True)).csv

    desk_with(*ROWS)(scene)


def _issued(session_id: str, end: datetime) -> Append:
    """A CDR that is recorded now."""
    where = CdrLocation(
        id="L1",
        address="1",
        city="Borås",
        country="SWE",
        coordinates=GeoLocation("57.0", "12.0"),
        evse_uid="CP1-1",
        evse_id="SE*ELS*E1",
        connector_id="1",
        connector_standard="IEC_62196_T2",
        connector_format="SOCKET",
        connector_power_type="AC_3_PHASE",
    )
    cdr = Cdr(
        party=OWNER,
        id=session_id.replace("/", "-"),
        session_id=session_id,
        start_date_time=end - QUARTER,
        end_date_time=end,
        token_ref="0" * 26,
        token_party=None,
        auth_method=AuthMethod.WHITELIST,
        cdr_location=where,
        currency="SEK",
        charging_periods=(),
        total_cost=Price(Decimal(1)),
        total_energy=Decimal(1),
        total_time=Decimal("0.25"),
        last_updated=NOW,
    )
    fact = CdrIssued(cdr, Cost(currency="SEK", total=Price(Decimal(1))))
    return Append(cdr_stream(OWNER, OWNER, cdr.id), 0, (fact,))


def test_cdrs_that_are_missing_or_late_are_counted() -> None:
    day = timedelta(days=1)
    issued = (
        _issued("CP1/1/24T2200", NOW - day),
        _issued("CP1/1/25T0000", NOW - day - timedelta(seconds=1)),
    )

    async def scene(desk: Desk) -> None:
        await desk.spine.commit(Work(issued))
        (line,) = (await asked(desk, "meter report", station="CP1", day="2026-10-25", by="station")).lines
        assert (line.figures.ended, line.cdrs_missing, line.cdrs_late) == (3, 1, 1)

    desk_with(*ROWS)(scene)


def test_the_load_of_a_location_falls_from_its_peak_to_nothing() -> None:
    async def scene(desk: Desk) -> None:
        load = await asked(desk, "meter load", location="L1", day="2026-10-25")
        points = {point.percent: point.power_w for point in load.points}
        assert load.quarters == 100
        assert [points[percent] for percent in (0, 1, 2, 5, 10, 100)] == [24_000, 24_000, 4_000, 0, 0, 0]

    desk_with(*ROWS)(scene)


def test_anomalies_come_station_by_station_and_can_be_narrowed() -> None:
    zero = [
        quarter(station, 1, AUTUMN + n * timedelta(hours=1), 0)
        for station in ("CP1", "CP2")
        for n in range(3)
    ]
    night = [
        _register("CP2", AUTUMN + timedelta(days=1, hours=n), 1_000 * n, 1_000 * n + 400) for n in (1, 2)
    ]

    async def scene(desk: Desk) -> None:
        found = await asked(desk, "meter anomalies")
        assert [(one.station_id, one.oddity) for one in found.lines] == [
            ("CP1", "NOTHING_TAKEN"),
            ("CP2", "NOTHING_TAKEN"),
            ("CP2", "NIGHT_CONSUMPTION"),
        ]
        first = await asked(desk, "meter anomalies", limit=1)
        assert ([one.station_id for one in first.lines], first.next) == (["CP1"], "CP1")
        rest = await asked(desk, "meter anomalies", after="CP1")
        assert (*first.lines, *rest.lines) == found.lines
        only = await asked(desk, "meter anomalies", oddity="NIGHT_CONSUMPTION")
        assert len(only.lines) == 1

    desk_with(*zero, *night)(scene)


def test_a_weekday_that_fell_silent_is_seen_in_the_usual_five_weeks() -> None:
    at = datetime(2026, 10, 26, 9, tzinfo=UTC)  # Yesterday, a Monday.
    usual = [
        quarter("CP2", 1, at - timedelta(weeks=week) + n * QUARTER) for week in range(1, 5) for n in range(3)
    ]

    async def scene(desk: Desk) -> None:
        (found,) = (await asked(desk, "meter anomalies")).lines
        assert (found.oddity, found.says[:24]) == ("FELL_SILENT", "no session on 2026-10-26")

    desk_with(*usual)(scene)


@pytest.mark.parametrize(
    ("name", "values", "kind", "says"),
    [
        ("meter report", {"station": "CP9"}, Kind.MISSING, "there is no station 'CP9'"),
        ("meter report", {"location": "L9"}, Kind.MISSING, "there is no location 'L9'"),
        ("meter report", {"until": NOW, "day": "2026-10-25"}, Kind.USAGE, "expected one of"),
        ("meter report", {"day": "2026-02-30"}, Kind.USAGE, "not a day"),
        ("meter report", {"day": "2026-10-29"}, Kind.USAGE, "still to come"),
        ("meter load", {"since": NOW, "until": NOW - timedelta(days=1)}, Kind.USAGE, "that time is empty"),
        ("meter export", {"since": NOW - timedelta(days=401)}, Kind.USAGE, "more than 400 days"),
        ("meter load", {"time_zone": "Mars/Base"}, Kind.USAGE, "not a time zone"),
        ("meter anomalies", {"after": "CP9"}, Kind.USAGE, "nothing here is named"),
    ],
)
def test_what_cannot_be_reported_says_why(
    name: str, values: dict[str, object], kind: Kind, says: str
) -> None:
    async def scene(desk: Desk) -> None:
        refusal = await asked(desk, name, **values)
        assert isinstance(refusal, Refusal)
        assert (refusal.kind, says in refusal.says) == (kind, True), refusal

    desk_with(*ROWS)(scene)


def test_a_question_for_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarters, "MOST_ROWS", 6)

    async def scene(desk: Desk) -> None:
        assert await lines(desk, by="station")
        refusal = await asked(desk, "meter report", by="party")
        assert (refusal.kind, refusal.hint) == (Kind.USAGE, "ask for less time or fewer places")

    desk_with(*ROWS)(scene)


def test_a_month_that_goes_on_is_counted_until_now() -> None:
    async def scene(desk: Desk) -> None:
        (month,) = (
            await asked(desk, "meter report", station="CP1", by="station", per="month", month="2026-10")
        ).lines
        # Midnight in Stockholm stood at 22:00Z of September; the quarter from 12:00Z on runs.
        assert month.quarters == 26 * 96 + (2 + 12) * 4 + 1

    desk_with(*ROWS)(scene)


def test_people_are_shown_kilowatt_hours_and_where_to_go_on() -> None:
    async def scene(desk: Desk) -> None:
        verb = verb_named("meter report")
        assert verb is not None
        assert verb.show is not None
        shown = verb.show(await asked(desk, "meter report", limit=1)).splitlines()
        assert shown[1].split() == [
            "L1",
            "2026-10-25",
            "8.500",
            "5",
            "0",
            "1.7%",
            "0.8%",
            "24.000",
            "-",
            "0.020",
        ]
        assert shown[2].startswith("more with --after ")

    desk_with(*ROWS)(scene)


def test_usual_time_is_a_month() -> None:
    since, until = meter_reading.window(meter_reading.Chosen(), meter_reading.zone_named("UTC"), NOW)
    assert (since, until) == (datetime(2026, 9, 26, 12, tzinfo=UTC), NOW)

"""The rater on a spine: every completed session becomes one priced CDR, or a finding that says why not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

import msgspec
import pytest

from elstrada.model.booking import Booked, BookingState, Period
from elstrada.model.cdr import Cdr
from elstrada.model.device import EvsePlace, Station
from elstrada.model.facts import (
    BookingChanged,
    CdrIssued,
    Fact,
    MeterSampled,
    SessionCompleted,
    SessionEnded,
    SessionReckoned,
    SessionStarted,
    StationBooted,
    StationNoticed,
)
from elstrada.model.ids import PartyId, bookings_stream, cdr_stream, station_stream
from elstrada.model.location import Connector, Evse, EvseStatus, GeoLocation, Location
from elstrada.model.notices import Notice, NoticeKind
from elstrada.model.quantity import MeterSample
from elstrada.model.reckoning import Reckoning, StationCost, StationPrice
from elstrada.model.settlement import Settlement
from elstrada.model.tariff import (
    Dimension,
    PriceComponent,
    PriceLimit,
    Tariff,
    TariffElement,
    TariffRestrictions,
)
from elstrada.roles.rater import CODE, DISAGREES, NAME, WITHHELD, Rater
from elstrada.roles.rating import Rated, Rating
from elstrada.roles.settlements import NEGATIVE, UNPLACED
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Put, Recorded, Row, Work
from elstrada.spine.followers import run_follower
from elstrada.spine.memory import MemorySpine
from elstrada.tariffs.compile import compiled
from elstrada.tariffs.price import price
from elstrada.tariffs.reprice import repriced
from elstrada.tariffs.usage import usage_of

OWNER, EMSP = PartyId("SE", "ELS"), PartyId("SE", "RET")
START = datetime(2026, 3, 2, 15, 30, tzinfo=UTC)
"""A Monday, 16:30 in Stockholm."""
STREAM = station_stream(OWNER, "CP1")
_T = TypeVar("_T")


class Noon:
    def now(self) -> datetime:
        return datetime(2026, 3, 3, 12, tzinfo=UTC)


def tariff(tariff_id: str, price: str, kind: str | None = None) -> Tariff:
    energy = PriceComponent(Dimension.ENERGY, Decimal(price), Decimal(25))
    evening = PriceComponent(Dimension.ENERGY, Decimal(price) + 2, Decimal(25))
    return Tariff(
        party=OWNER,
        id=tariff_id,
        currency="SEK",
        type=kind,
        elements=(
            TariffElement((evening,), TariffRestrictions(start_time="17:00")),
            TariffElement((energy,)),
        ),
        last_updated=START - timedelta(days=1),
    )


def location(*tariff_ids: str) -> Location:
    connector = Connector(
        id="1",
        standard="IEC_62196_T2",
        format="SOCKET",
        power_type="AC_3_PHASE",
        max_voltage=230,
        max_amperage=32,
        tariff_ids=tariff_ids,
        last_updated=START,
    )
    evse = Evse(uid="E1", status=EvseStatus.AVAILABLE, connectors=(connector,), last_updated=START)
    return Location(
        party=OWNER,
        id="L1",
        address="Kajen 1",
        city="Ystad",
        country="SWE",
        coordinates=GeoLocation("55.43", "13.82"),
        evses=(evse,),
        time_zone="Europe/Stockholm",
        last_updated=START,
    )


def put_location(one: Location) -> Put:
    row: Row = {
        "owner": str(OWNER),
        "party": str(OWNER),
        "location_id": one.id,
        "source": "own",
        "country": one.country,
        "latitude": one.coordinates.latitude,
        "longitude": one.coordinates.longitude,
        "evses": len(one.evses),
        "audience": "public",
        "document": msgspec.json.encode(one).decode(),
        "last_updated": one.last_updated,
    }
    return Put(t.location, row)


def put_tariff(one: Tariff) -> Put:
    key: Row = {"owner": str(OWNER), "party": str(OWNER), "tariff_id": one.id}
    return Put(
        t.tariff, {**key, "document": msgspec.json.encode(one).decode(), "last_updated": one.last_updated}
    )


def put_station(*places: EvsePlace) -> Put:
    station = Station(owner=OWNER, id="CP1", places=places)
    document = msgspec.json.encode(station).decode()
    return Put(
        t.station, {"owner": str(OWNER), "station_id": "CP1", "document": document, "changed_at": START}
    )


ALL = (
    put_station(EvsePlace(1, "L1", "E1")),
    put_location(location("T")),
    put_tariff(tariff("T", "4")),
)


def session(
    session_id: str = "s1", token_party: PartyId | None = EMSP, at: datetime = START
) -> tuple[Fact, ...]:
    """An hour from 16:30 to 17:30 local with 11 kWh, 6 of them before 17:00."""
    samples = (MeterSample(at + timedelta(minutes=30), 106_000),)
    end = at + timedelta(hours=1)
    return (
        SessionStarted(session_id, "7", "k", 1, 1, at, "ref", token_party, meter_wh=100_000),
        MeterSampled(1, 1, samples, session_id=session_id),
        SessionEnded(session_id, end, meter_wh=111_000),
        SessionCompleted(session_id, at, end, 11_000),
    )


async def spine_with(*writes: Put, facts: tuple[Fact, ...] = ()) -> MemorySpine:
    spine = MemorySpine(Noon())
    await spine.start()
    await spine.commit(Work(writes=writes))
    # Something else came first: the session does not begin the stream.
    await spine.commit(Work((Append(STREAM, 0, (StationBooted("V", "M"), *facts)),)))
    return spine


async def rate(spine: MemorySpine) -> None:
    """Everything the log holds goes through the rater once."""
    await spine.commit(await Rater(spine).handle(await spine.read(0)))


async def cdr_of(spine: MemorySpine, session_id: str = "s1") -> Cdr | None:
    facts = [one.fact for one in await spine.facts(cdr_stream(OWNER, OWNER, session_id))]
    assert len(facts) <= 1  # P4
    return facts[0].cdr if facts and isinstance(facts[0], CdrIssued) else None


async def finding(spine: MemorySpine, session_id: str = "s1") -> Row | None:
    return await spine.get(t.finding, source=f"session:SE*ELS/{session_id}", code=CODE)


def run(coroutine: Awaitable[_T]) -> _T:
    async def main() -> _T:
        return await coroutine

    return asyncio.run(main())


def test_a_completed_session_becomes_a_cdr_priced_in_the_places_zone() -> None:
    async def scene() -> None:
        spine = await spine_with(*ALL, facts=session())
        await rate(spine)
        cdr = await cdr_of(spine)
        assert cdr is not None
        assert cdr.total_cost.before_taxes == Decimal("54.00")  # 6 x 4, then 5 x 6 from 17:00.
        assert (cdr.token_ref, cdr.token_party) == ("ref", EMSP)
        row = await spine.get(t.cdr, owner=str(OWNER), party=str(OWNER), cdr_id="s1")
        assert row is not None
        assert (row["state"], row["total_after_taxes"]) == ("ISSUED", Decimal("67.50"))

    run(scene())


def test_a_cdr_that_its_receiver_would_refuse_waits_until_somebody_has_looked() -> None:
    async def scene(token_party: PartyId | None) -> None:
        crowns = msgspec.structs.replace(tariff("T", "4"), currency="KRN")
        spine = await spine_with(*ALL[:2], put_tariff(crowns), facts=session(token_party=token_party))
        await rate(spine)
        row = await spine.get(t.cdr, owner=str(OWNER), party=str(OWNER), cdr_id="s1")
        found = await spine.get(t.finding, source="session:SE*ELS/s1", code=WITHHELD)
        assert row is not None
        if token_party is None:  # It is for nobody else.
            assert (row["state"], found) == ("ISSUED", None)
            return
        assert row["state"] == "WITHHELD"
        assert found is not None
        assert row["findings"] == "V24 R: 'KRN' is no currency of ISO 4217"

    for token_party in (EMSP, None):
        run(scene(token_party))


@pytest.mark.rule(25)
def test_a_reading_out_of_line_is_named_beside_the_cost_and_changes_it_not() -> None:
    async def scene() -> None:
        whole = session()
        stray = (MeterSample(START + timedelta(minutes=40), 999_000),)
        odd = (*whole[:2], MeterSampled(1, 1, stray, session_id="s1"), *whole[2:])
        spine = await spine_with(*ALL, facts=odd)
        await rate(spine)
        (issued,) = [one.fact for one in await spine.facts(cdr_stream(OWNER, OWNER, "s1"))]
        assert isinstance(issued, CdrIssued)
        assert issued.cdr.total_cost.before_taxes == Decimal("54.00")
        assert issued.cost.notes == (
            "meter readings out of line were left out: 899000 Wh at 16:10:00Z since the start",
        )

    run(scene())


def test_the_same_facts_again_make_no_second_cdr() -> None:
    async def scene() -> None:
        spine = await spine_with(*ALL, facts=session())
        await rate(spine)
        await rate(spine)  # As after a lost cursor (P4).
        assert await cdr_of(spine) is not None
        assert await Rater(spine).again(OWNER, "s1") == Work()

    run(scene())


def test_other_sessions_of_the_station_do_not_mix_in() -> None:
    async def scene() -> None:
        one, two = session("s1"), session("s2")
        mixed = tuple(fact for pair in zip(one, two, strict=True) for fact in pair)
        spine = await spine_with(*ALL, facts=mixed)
        await rate(spine)
        first, second = await cdr_of(spine, "s1"), await cdr_of(spine, "s2")
        assert first is not None
        assert second is not None
        assert first.total_energy == second.total_energy == 11
        assert (first.session_id, second.session_id) == ("s1", "s2")

    run(scene())


def test_what_comes_after_completion_changes_no_cdr() -> None:
    async def scene() -> None:
        late = MeterSampled(1, 1, (MeterSample(START + timedelta(minutes=10), 105_999),), session_id="s1")
        plain, later = (
            await spine_with(*ALL, facts=session()),
            await spine_with(*ALL, facts=(*session(), late)),
        )
        await rate(plain)
        await rate(later)
        assert await cdr_of(plain) == await cdr_of(later) is not None

    run(scene())


@pytest.mark.parametrize(
    ("writes", "reason"),
    [
        (ALL[1:], "station CP1 is not in the records"),
        ((put_station(), *ALL[1:]), "EVSE 1 of station CP1 has no place"),
        ((ALL[0], ALL[2]), "location L1 of station CP1 is not in the records"),
        ((put_station(EvsePlace(1, "L1", "E9")), *ALL[1:]), "no EVSE E9"),
        (ALL[:2], "no tariff is valid"),
        ((*ALL[:2], put_tariff(msgspec.structs.replace(tariff("T", "4"), end_date_time=START))), "SE*ELS*T"),
    ],
)
def test_a_session_that_cannot_be_priced_is_a_finding_and_never_zero(
    writes: tuple[Put, ...], reason: str
) -> None:
    async def scene() -> None:
        spine = await spine_with(*writes, facts=session())
        await rate(spine)
        await rate(spine)
        assert await cdr_of(spine) is None
        found = await finding(spine)
        assert found is not None
        assert reason in str(found["sample"])
        assert found["count"] == 2
        # And when it is mended, it can be rated, and the finding goes.
        await spine.commit(Work(writes=ALL))
        await spine.commit(await Rater(spine).again(OWNER, "s1"))
        assert await cdr_of(spine) is not None
        assert await finding(spine) is None

    run(scene())


def test_an_element_for_ever_is_one_that_does_not_end() -> None:
    """A duration that no calendar reaches must not stop the rating of everybody's sessions."""
    usual = tariff("T", "4")
    ever = TariffElement(
        (PriceComponent(Dimension.TIME, Decimal(10), Decimal(25)),),
        TariffRestrictions(min_duration=-(10**13), max_duration=10**13),
    )

    async def scene() -> Cdr | None:
        offered = msgspec.structs.replace(usual, elements=(*usual.elements, ever))
        spine = await spine_with(*ALL[:2], put_tariff(offered), facts=session())
        await rate(spine)
        return await cdr_of(spine)

    cdr = run(scene())
    assert cdr is not None
    assert cdr.total_time_cost is not None
    assert cdr.total_time_cost.before_taxes == 10


@pytest.mark.parametrize("name", ["price", "vat", "min_price"])
def test_a_price_beyond_reckoning_is_a_finding_and_stops_nobody_elses_cdr(name: str) -> None:
    usual, huge = tariff("T", "4"), Decimal("1E+26")
    change: dict[str, object] = {name: PriceLimit(huge)}
    if name in ("price", "vat"):
        component = PriceComponent(Dimension.ENERGY, Decimal(4), Decimal(25))
        element = TariffElement((msgspec.structs.replace(component, **{name: huge}),))
        change = {"elements": (element,)}

    async def scene() -> None:
        other = session("s2", at=START + timedelta(hours=2))
        # The second is of a token with a tariff of its own, which is sound.
        begun = msgspec.structs.replace(other[0], tariff_id="OWN")
        offered = msgspec.structs.replace(usual, **change)
        spine = await spine_with(
            *ALL[:2],
            put_tariff(offered),
            put_tariff(tariff("OWN", "3")),
            facts=(*session(), begun, *other[1:]),
        )
        await rate(spine)
        assert await cdr_of(spine, "s2") is not None
        assert await cdr_of(spine) is None
        found = await finding(spine)
        assert found is not None
        assert "tariff SE*ELS*T" in str(found["sample"])
        assert "1E+26" in str(found["sample"])

    run(scene())


def test_a_fault_of_ours_is_a_finding_and_stops_nobody_elses_cdr(monkeypatch: pytest.MonkeyPatch) -> None:
    rated = Rating.rated

    async def faulty(self: Rating, owner: PartyId, done: Recorded, session_id: str) -> Rated:
        if session_id == "s1":
            raise KeyError("a mistake")
        return await rated(self, owner, done, session_id)

    async def scene() -> None:
        spine = await spine_with(*ALL, facts=(*session(), *session("s2", at=START + timedelta(hours=2))))
        with monkeypatch.context() as patched:
            patched.setattr(Rating, "rated", faulty)
            await rate(spine)
        assert await cdr_of(spine) is None
        assert await cdr_of(spine, "s2") is not None
        row = await finding(spine)
        assert row is not None
        assert "a fault of ours that the log tells: KeyError" in str(row["sample"])
        await spine.commit(await Rater(spine).again(OWNER, "s1"))
        assert await cdr_of(spine) is not None
        assert await finding(spine) is None

    run(scene())


def test_ad_hoc_tariffs_are_for_those_whom_nobody_knows() -> None:
    async def price(token_party: PartyId | None) -> Decimal:
        both = (put_tariff(tariff("A", "9", "AD_HOC_PAYMENT")), put_tariff(tariff("T", "4", "REGULAR")))
        writes = (ALL[0], put_location(location("A", "T")), *both)
        spine = await spine_with(*writes, facts=session(token_party=token_party))
        await rate(spine)
        cdr = await cdr_of(spine)
        assert cdr is not None
        return cdr.total_cost.before_taxes

    assert run(price(EMSP)) == run(price(OWNER)) == Decimal("54.00")
    assert run(price(None)) == Decimal("109.00")  # 6 x 9 + 5 x 11.


def test_a_tariff_changed_since_the_start_is_noted() -> None:
    async def scene() -> None:
        changed = msgspec.structs.replace(tariff("T", "4"), last_updated=START + timedelta(minutes=1))
        spine = await spine_with(*ALL[:2], put_tariff(changed), facts=session())
        await rate(spine)
        (issued,) = [one.fact for one in await spine.facts(cdr_stream(OWNER, OWNER, "s1"))]
        assert isinstance(issued, CdrIssued)
        assert any("R-43" in note for note in issued.cost.notes)

    run(scene())


def put_former(one: Tariff, replaced_at: datetime) -> Put:
    row = {name: cell for name, cell in put_tariff(one).row.items() if name != "last_updated"}
    return Put(t.former_tariff, {**row, "replaced_at": replaced_at})


@pytest.mark.roaming_rule(43)
@pytest.mark.parametrize(
    ("first", "second", "energy"),
    [
        (-10, -5, "9"),  # Both changes came before the session,
        (-10, 0, "9"),  # the second with its start,
        (-10, 1, "5"),  # or while it ran;
        (1, 50, "4"),  # both while it ran,
        (90, 95, "4"),  # or when it was over and not yet rated.
    ],
)
def test_a_session_is_priced_by_the_tariff_it_began_with(first: int, second: int, energy: str) -> None:
    """R-43: prices 4, then 5, then 9 SEK/kWh."""

    async def scene() -> None:
        one, two = (START + timedelta(minutes=minute) for minute in (first, second))
        former = (put_former(tariff("T", "4"), one), put_former(tariff("T", "5"), two))
        spine = await spine_with(*ALL[:2], put_tariff(tariff("T", "9")), *former, facts=session())
        await rate(spine)
        cdr = await cdr_of(spine)
        assert cdr is not None
        assert cdr.tariffs == (tariff("T", energy),)
        assert cdr.total_cost.before_taxes == 6 * Decimal(energy) + 5 * (Decimal(energy) + 2)

    run(scene())


def test_a_station_whose_clock_is_ahead_makes_no_cdr_of_the_future() -> None:
    """V07: Noon is when we heard of it all, hours before the station says that it ended."""

    async def scene() -> None:
        spine = await spine_with(*ALL, facts=session(at=START + timedelta(days=1)))
        await rate(spine)
        cdr = await cdr_of(spine)
        assert cdr is not None
        assert cdr.end_date_time == Noon().now()
        assert cdr.end_date_time - cdr.start_date_time == timedelta(hours=1)
        assert cdr.charging_periods[0].start_date_time == cdr.start_date_time
        assert cdr.total_energy == 11
        assert cdr.total_cost.before_taxes == Decimal("44.00")  # 12:00 to 13:00 local: no evening.
        assert cdr.remark is not None
        assert "clock was 16200 s ahead" in cdr.remark

    run(scene())


def test_it_follows_the_log_by_itself() -> None:
    async def scene() -> None:
        spine = await spine_with(*ALL)
        news = spine.watch()
        following = asyncio.create_task(run_follower(spine, NAME, Rater(spine).handle, clock=Noon()))
        await spine.commit(Work((Append(STREAM, 1, session()),)))
        async with asyncio.timeout(5):
            while await cdr_of(spine) is None:
                await news.wait()
                news.clear()
        following.cancel()

    run(scene())


def test_nothing_is_made_of_a_session_nobody_knows_or_that_still_runs() -> None:
    async def scene() -> None:
        spine = await spine_with(*ALL, facts=session()[:2])
        assert await Rater(spine).again(OWNER, "s1") == Work()
        assert await Rater(spine).again(OWNER, "s9") == Work()

    run(scene())


@pytest.mark.parametrize(("told", "count"), [("67.50", 0), ("67.51", 1)])
def test_a_station_that_reckoned_another_cost_changes_no_price_and_is_a_finding(
    told: str, count: int
) -> None:
    async def scene() -> None:
        cost = StationCost(currency="SEK", total=StationPrice(after_taxes=Decimal(told)))
        reckoned = SessionReckoned("s1", START + timedelta(hours=1), Reckoning(cost=cost), final=True)
        plain = session()
        spine = await spine_with(*ALL, facts=(*plain[:-2], reckoned, *plain[-2:]))
        await rate(spine)
        await rate(spine)
        cdr = await cdr_of(spine)
        assert cdr is not None
        assert cdr.total_cost.before_taxes == Decimal("54.00")
        row = await spine.get(t.finding, source="session:SE*ELS/s1", code=DISAGREES)
        assert (row["count"] if row else 0) == count
        assert row is None or "67.51 SEK with taxes, our price is 67.50" in str(row["sample"])

    run(scene())


def paid(amount: str | None, transaction: str, status: str = "Settled") -> StationNoticed:
    told = Settlement(psp_ref="psp-1", status=status, amount=None if amount is None else Decimal(amount))
    document = msgspec.json.encode(told).decode()
    notice = Notice(
        kind=NoticeKind.SETTLEMENT, at=START, status=status, subject=transaction, document=document
    )
    return StationNoticed(notice)


@pytest.mark.parametrize(
    ("fact", "code", "says"),
    [
        (
            paid("99.50", "no-such"),
            UNPLACED,
            "settled 99.50 for transaction no-such, which is no session here",
        ),
        (paid("-5", "no-such"), UNPLACED, "settled -5.00 for transaction no-such, which is no session here"),
        (
            paid(None, "no-such"),
            UNPLACED,
            "settled no amount for transaction no-such, which is no session here",
        ),
        (paid("12", ""), UNPLACED, "settled 12.00 for no transaction"),
        (paid("-5", "7"), NEGATIVE, "settled -5.00 for transaction 7"),
        (paid("5", "7"), None, ""),
        (paid("0", "no-such", "Canceled"), None, ""),
        (paid("5", "no-such", "Failed"), None, ""),
    ],
)
def test_money_that_no_session_explains_is_a_finding_on_its_station(
    fact: StationNoticed, code: str | None, says: str
) -> None:
    async def settle() -> list[Row]:
        spine = await spine_with(facts=(*session(), fact))
        await rate(spine)
        return await spine.find(t.finding, {"source": "station:SE*ELS/CP1"})

    found = [(row["code"], row["sample"], row["count"]) for row in run(settle())]
    assert found == ([] if code is None else [(code, f"payment psp-1 {says}", 1)])


def booked(until: datetime) -> BookingChanged:
    """A booking that session s1 fulfils, up to this moment."""
    return BookingChanged(
        Booked(
            id="B1",
            request_id="R1",
            made_for=EMSP,
            booking_location_id="BL",
            location_id="L1",
            evse_uid="E1",
            period=Period(START, until),
            opens_at=START,
            authorization_reference="a",
            state=BookingState.FULFILLED,
            session_id="s1",
            made_at=START,
            last_updated=START,
        )
    )


def test_the_cdr_of_a_booked_session_has_the_price_of_the_booking_and_of_its_overtime() -> None:
    """The car stays a quarter of an hour longer than booked (OCPI bookings 1.1)."""
    usual = tariff("T", "4")
    booking, late = (
        TariffElement(
            (PriceComponent(kind, Decimal(amount), Decimal(25)),), TariffRestrictions(booking=purpose)
        )
        for kind, amount, purpose in (
            (Dimension.FLAT, "20", "BOOKING"),
            (Dimension.TIME, "40", "BOOKING_OVERTIME"),
        )
    )
    offered = msgspec.structs.replace(usual, elements=(booking, late, *usual.elements))
    made = booked(until=START + timedelta(minutes=45))

    async def scenario() -> Cdr | None:
        spine = await spine_with(*ALL[:2], put_tariff(offered), facts=session())
        await spine.commit(Work((Append(bookings_stream(OWNER, "L1"), 0, (made,)),)))
        await rate(spine)
        return await cdr_of(spine)

    cdr = run(scenario())
    assert cdr is not None
    assert cdr.booking_id == "B1"
    assert cdr.total_reservation_cost is not None
    assert cdr.total_reservation_cost.before_taxes == Decimal("30.0000")
    # 6 kWh at 4, and 5 at 6 after 17:00.
    assert cdr.total_cost.before_taxes == Decimal("84.00")
    told = {one.type: one.volume for one in cdr.charging_periods[-1].dimensions}
    assert told["RESERVATION_OVERTIME"] == Decimal("0.25")


@pytest.mark.parametrize(
    ("start", "until", "told", "reservation"),
    [
        (0, 45, ["0.5", "0.25"], "50.0000"),  # 20, and 45 minutes at 40 an hour.
        (-30, 120, ["0.5", "0.5"], "60.0000"),
        (10, 20, ["0.1667", None], "26.6680"),
        (30, 60, [None, "0.5"], "40.0000"),
        (60, 120, ["0", None], "20.0000"),  # Before its time by the terms, and gone before it.
    ],
)
def test_a_booking_by_the_hour_is_paid_for_the_booked_hours_of_the_session(
    start: int, until: int, told: list[str | None], reservation: str
) -> None:
    """OCPI bookings 1.1: RESERVATION_TIME, of each period what of it was booked."""
    usual = tariff("T", "4")
    fees = (PriceComponent(Dimension.FLAT, Decimal(20), Decimal(25)),)
    fees += (PriceComponent(Dimension.TIME, Decimal(40), Decimal(25), 0),)
    booking = TariffElement(fees, TariffRestrictions(booking="BOOKING"))
    offered = msgspec.structs.replace(usual, elements=(booking, *usual.elements))
    period = Period(START + timedelta(minutes=start), START + timedelta(minutes=until))
    made = booked(until=period.end)
    made = msgspec.structs.replace(made, booked=msgspec.structs.replace(made.booked, period=period))

    async def scenario() -> tuple[Cdr | None, Row | None]:
        spine = await spine_with(*ALL[:2], put_tariff(offered), facts=session())
        await spine.commit(Work((Append(bookings_stream(OWNER, "L1"), 0, (made,)),)))
        await rate(spine)
        return await cdr_of(spine), await spine.get(t.finding, source="session:SE*ELS/s1", code=WITHHELD)

    cdr, withheld = run(scenario())
    assert withheld is None
    assert cdr is not None
    volumes = [{one.type: one.volume for one in period.dimensions} for period in cdr.charging_periods]
    assert [one.get("RESERVATION_TIME") for one in volumes] == [
        None if hours is None else Decimal(hours) for hours in told
    ]
    assert cdr.total_reservation_cost is not None
    assert cdr.total_reservation_cost.before_taxes == Decimal(reservation)
    # 6 kWh at 4, and 5 at 6 after 17:00: what was charged meanwhile is not in the booking.
    assert cdr.total_cost.before_taxes == Decimal(reservation).quantize(Decimal("0.01")) + 54
    assert price(usage_of(cdr), cdr.tariffs).total == cdr.total_cost == repriced(cdr, compiled(offered)).total

"""Pricing sessions from their facts by our own tariffs: for the CDR, and for the station that shows the cost.

The price is never guessed. Where place or tariff is missing, there is none.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple, cast

import msgspec

from elstrada.billing.called_off import NOTE, was_called_off, without_prices
from elstrada.billing.cdr import Place, cdr_of, place_in
from elstrada.billing.clock_offset import ClockOffset, clock_offset
from elstrada.billing.trace import NotBillable, Trace, at_our_time, trace
from elstrada.model.booking import Booked, Period
from elstrada.model.cost import Cost
from elstrada.model.device import EvsePlace, Station
from elstrada.model.facts import (
    CdrIssued,
    Fact,
    MeterSampled,
    SessionCompleted,
    SessionEnded,
    SessionReckoned,
    SessionSeen,
    SessionStarted,
    SessionUpdated,
    StationNoticed,
)
from elstrada.model.ids import PartyId, owner_of, station_stream
from elstrada.model.location import Location
from elstrada.model.notices import NoticeKind
from elstrada.model.reckoning import MOST_TARIFFS, Reckoning
from elstrada.model.tariff import Tariff
from elstrada.roles.home_charging import is_compensated, seat_of
from elstrada.roles.roaming.booking_books import booking_of_session
from elstrada.roles.running import HOLDS, Running
from elstrada.roles.signed_values import with_signed
from elstrada.spine import tables as t
from elstrada.spine.face import Between, Recorded, Row, Spine
from elstrada.tariffs.booked import with_booked_hours
from elstrada.tariffs.choose import choose
from elstrada.tariffs.compile import PriceList, compiled
from elstrada.tariffs.policy import OCPI_2_3_0, Policy
from elstrada.tariffs.price import price_with
from elstrada.tariffs.refusals import NoTariff, NotPriced
from elstrada.tariffs.segment import Cutter, Segments
from elstrada.tariffs.usage import Usage

_SESSION_FACTS = (SessionStarted, SessionSeen, SessionUpdated, MeterSampled, SessionEnded, SessionCompleted)
_PAGE = 10_000
_PAGE_OF_ONE = 500
"""Where the session's end is looked for: most have fewer facts."""
_SHOWN = 3
"""Suspect readings that a cost's note names; all stand in the log."""
_MOST_RUNNING = 50_000
"""Running sessions remembered."""
_INSTANT = timedelta(microseconds=1)
_station = msgspec.json.Decoder(Station)
_location = lru_cache(256)(msgspec.json.Decoder(Location).decode)
"""Kept, since a place of many EVSEs is long and has many sessions."""
_tariff = msgspec.json.Decoder(Tariff)


class Unplaced(Exception):
    """We do not know which connector was used; the message says what is missing."""


UNPRICED = (NotBillable, NotPriced, Unplaced)
"""Why a session has no price; each says it in its message."""


class _Priced(msgspec.Struct, frozen=True):
    """A session with its price."""

    told: Trace
    place: Place
    tariff: Tariff
    by: PriceList
    usage: Usage
    cost: Cost
    booked: Booked | None
    called_off: bool


class _Terms(NamedTuple):
    """What a session is priced by."""

    place: Place
    tariff: Tariff
    booked: Booked | None
    """The booking that it fulfils."""

    @property
    def booked_for(self) -> Period | None:
        return self.booked and self.booked.period


class Rated(NamedTuple):
    """A session's CDR, and what its station reckoned by itself."""

    issued: CdrIssued
    reckoned: Reckoning | None
    settled: bool
    """Did a payment come out while it ran?"""


class Rating:
    """Reads what is known of a session, its place and its tariff, and prices it."""

    def __init__(self, spine: Spine, policy: Policy = OCPI_2_3_0, *, mended: bool = False) -> None:
        """``mended``: tariffs count as they are now, since what they were was wrong."""
        self._spine, self._policy, self._mended = spine, policy, mended
        self._running: OrderedDict[str, Running] = OrderedDict()
        """Sessions of which the cost was asked while they ran, by id; the one asked last at the end."""

    async def issued(self, owner: PartyId, done: Recorded, session_id: str) -> CdrIssued:
        """The CDR of a session, from what was known of it when it was complete.

        Args:
            done: the fact that completed it, as recorded; what came later changes no CDR.
        Raises:
            NotBillable, NotPriced, Unplaced: it has no price.
        """
        return (await self.rated(owner, done, session_id)).issued

    async def rated(self, owner: PartyId, done: Recorded, session_id: str) -> Rated:
        """As ``issued``, and what the station says beside it.

        Raises:
            NotBillable, NotPriced, Unplaced: it has no price.
        """
        row = await self._spine.get(t.session, owner=str(owner), session_id=session_id)
        first = cast(int, row["first_version"]) if row else 1
        recorded = await self.facts(done.stream, first, done.version)
        own = _of(session_id, recorded)
        priced = await self._priced(done.stream, _facts(own), done.at, _clock(own))
        cdr = cdr_of(
            priced.told,
            priced.place,
            tariffs=(priced.tariff,),
            periods=priced.usage.periods,
            cost=priced.cost,
            issued_at=done.at,
            booking_id=priced.booked and priced.booked.id,
        )
        notices = (one.fact.notice for one in recorded if isinstance(one.fact, StationNoticed))
        settled = any(notice.kind is NoticeKind.SETTLEMENT for notice in notices)
        station_id, evse_id = done.stream.split("/", 2)[2], priced.told.evse_id
        if await is_compensated(self._spine, owner, station_id, evse_id, cdr):
            cdr = msgspec.structs.replace(cdr, home_charging_compensation=True)
        issued = CdrIssued(cdr, priced.cost)
        issued = await with_signed(self._spine, owner, station_id, evse_id, issued, _facts(own))
        return Rated(issued, reckoning_of(session_id, recorded), settled)

    async def final(self, owner: PartyId, session_id: str) -> Cost | None:
        """What a session cost, as its CDR says or will say; None while it is not complete.

        Raises:
            NotBillable, NotPriced, Unplaced: it has no price.
        """
        done = await self.completion(owner, session_id)
        return None if done is None else (await self.issued(owner, done, session_id)).cost

    async def so_far(self, owner: PartyId, station_id: str, reached: SessionCompleted, now: datetime) -> Cost:
        """What a running session costs up to a moment.

        Args:
            reached: how its completion would read, had it ended then.
        Raises:
            NotBillable, NotPriced, Unplaced: it has no price.
        """
        return (await self.running(owner, station_id, reached, now))[0]

    async def running(
        self, owner: PartyId, station_id: str, reached: SessionCompleted, now: datetime
    ) -> tuple[Cost, Tariff, str]:
        """As ``so_far``, with the tariff and the time zone of the place.

        Args:
            reached: how its completion would read, had it ended then.
        Raises:
            NotBillable, NotPriced, Unplaced: it has no price.
        """
        stream, session_id = station_stream(owner, station_id), reached.session_id
        grown = await self._grown(stream, session_id, now)
        if grown is not None and grown.reaches(reached, now):
            self._keep(session_id, grown)
            segments = grown.segments()
            usage = _up_to(grown.usage, segments, grown.by, grown.end(reached), grown.booked_for)
            cost = self._cost(grown.told, grown.by, usage, segments.notes)
            return cost, grown.by.tariff, usage.time_zone
        row = await self._spine.get(t.session, owner=str(owner), session_id=session_id)
        first = cast(int, row["first_version"]) if row else 1
        recorded = await self.facts(stream, first, None)
        own = _of(session_id, recorded)
        clock = _clock(own)
        priced = await self._priced(stream, [*_facts(own), reached], now, clock)
        if recorded and not priced.called_off and priced.told.start == reached.started_at - clock.ahead:
            version = recorded[-1].version
            self._keep(session_id, _running(priced, version, now, clock))
        return priced.cost, priced.tariff, priced.usage.time_zone

    async def _grown(self, stream: str, session_id: str, now: datetime) -> Running | None:
        """A session that is followed, with its news; None: it is to be read as a whole."""
        known = self._running.pop(session_id, None)
        if known is None:
            return None
        if now - known.looked_up_at >= HOLDS:
            terms = await self._terms(stream, known.told)
            if not known.is_by(terms.tariff, terms.place.location.time_zone, terms.booked_for):
                return None
            known = msgspec.structs.replace(known, looked_up_at=now)
        news = await self._spine.facts(stream, known.version, _PAGE)
        return known.after(news) if len(news) < _PAGE else None

    def _keep(self, session_id: str, running: Running) -> None:
        self._running[session_id] = running
        if len(self._running) > _MOST_RUNNING:
            self._running.popitem(last=False)

    async def tariff_of(self, owner: PartyId, session: Row) -> Tariff:
        """The tariff by which a session that has begun is priced, or will be.

        Args:
            session: its row.
        Raises:
            NotPriced, Unplaced: it will have no price.
        """
        started_at = session["started_at"]
        if not isinstance(started_at, datetime):
            raise Unplaced("the session's start is not known yet")
        stream = station_stream(owner, str(session["station_id"]))
        facts = await self.facts_of(stream, cast(int, session["first_version"]), str(session["session_id"]))
        named = [getattr(one.fact, "tariff_id", None) for one in facts]
        own = await self._own(owner, next((name for name in reversed(named) if name), None), started_at)
        if own is not None:
            return own
        evse_id, connector_id = (cast("int | None", session[key]) or 0 for key in ("evse_id", "connector_id"))
        place = await self._place(owner, str(session["station_id"]), evse_id, connector_id)
        return await self._chosen(owner, place, started_at, ad_hoc=session["token_party"] is None)

    async def ad_hoc_tariff(
        self, owner: PartyId, station_id: str, evse_id: int, at: datetime, connector_id: int = 1
    ) -> Tariff:
        """The tariff of whoever pays on the spot at an EVSE's connector.

        Raises:
            NotPriced, Unplaced: there is none.
        """
        place = await self._place(owner, station_id, evse_id, connector_id)
        return await self._chosen(owner, place, at, ad_hoc=True)

    async def offered(
        self,
        owner: PartyId,
        station_id: str,
        evse_id: int,
        connector_id: int,
        at: datetime,
        *,
        tariff_id: str | None,
        ad_hoc: bool,
    ) -> tuple[Tariff, Place]:
        """The tariff of a session that would start at a connector now, and the place.

        Args:
            tariff_id: of the token's own, or agreed with its party; None: the connector's count.
        Raises:
            NotPriced, Unplaced: it would have no price.
        """
        place = await self._place(owner, station_id, evse_id, connector_id)
        own = await self._own(owner, tariff_id, at)
        return own or await self._chosen(owner, place, at, ad_hoc=ad_hoc), place

    async def completion(self, owner: PartyId, session_id: str) -> Recorded | None:
        """The fact that completed a session; None if there is none."""
        row = await self._spine.get(t.session, owner=str(owner), session_id=session_id)
        if row is None:
            return None
        stream = station_stream(owner, cast(str, row["station_id"]))
        own = await self.facts_of(stream, cast(int, row["first_version"]), session_id)
        return next((one for one in own if isinstance(one.fact, SessionCompleted)), None)

    async def facts_of(self, stream: str, first: int, session_id: str) -> list[Recorded]:
        """The stream's facts from a version on, at least to the completion of this session."""
        found: list[Recorded] = []
        after = first - 1
        while True:
            page = await self._spine.facts(stream, after, _PAGE_OF_ONE)
            found += [one for one in page if getattr(one.fact, "session_id", None) == session_id]
            if len(page) < _PAGE_OF_ONE or any(isinstance(one.fact, SessionCompleted) for one in found):
                return found
            after = page[-1].version

    async def facts(self, stream: str, first: int, last: int | None) -> list[Recorded]:
        """The stream's facts from one version to another, both included."""
        found: list[Recorded] = []
        after = first - 1
        while last is None or after < last:
            limit = _PAGE if last is None else min(_PAGE, last - after)
            page = await self._spine.facts(stream, after, limit)
            found += page
            if len(page) < limit:
                break
            after = page[-1].version
        return found

    async def _priced(
        self, stream: str, facts: list[Fact], recorded_at: datetime, clock: ClockOffset
    ) -> _Priced:
        told = at_our_time(trace(facts), clock.ahead, recorded_at)
        terms = await self._terms(stream, told)
        place, tariff = terms.place, terms.tariff
        off = was_called_off(told, facts)
        by = compiled(without_prices(tariff) if off else tariff)
        usage = Usage(
            booked=terms.booked is not None,
            start=told.start,
            end=told.end,
            time_zone=place.location.time_zone,
            currency=tariff.currency,
            periods=(),
            cut=True,
        )
        segments = Cutter(by, told.start, usage.time_zone).take(told.measured).segments()
        usage = _up_to(usage, segments, by, told.end, terms.booked_for)
        cost = self._cost(told, by, usage, segments.notes)
        if off:
            cost = msgspec.structs.replace(cost, notes=(*cost.notes, NOTE))
        return _Priced(told, place, tariff, by, usage, cost, terms.booked, off)

    async def _terms(self, stream: str, told: Trace) -> _Terms:
        """Place and tariff of a session, and the booking that it fulfils."""
        owner = owner_of(stream)
        place = await self._place(owner, stream.split("/", 2)[2], told.evse_id, told.connector_id)
        tariff = await self._own(owner, told.tariff_id, told.start)
        if tariff is None:
            tariff = await self._chosen(owner, place, told.start, ad_hoc=told.token_party is None)
        place_of_it = (place.location.id, place.evse.uid)
        booked = await booking_of_session(
            self._spine, owner, told.session_id, place_of_it, told.token_ref, told.start
        )
        return _Terms(place, tariff, booked)

    def _cost(self, told: Trace, by: PriceList, usage: Usage, notes: tuple[str, ...]) -> Cost:
        cost = price_with(usage, [by], self._policy)
        return _noted(cost, by, told, notes, mended=self._mended)

    async def _own(self, owner: PartyId, tariff_id: str | None, at: datetime) -> Tariff | None:
        """The tariff of a session's token; None: it has none of its own.

        Raises:
            NoTariff: it has, and that is not in the records or not valid then. Another is not put in its place.
        """
        if tariff_id is None:
            return None
        row = await self._tariff(owner, tariff_id, at)
        if row is None:
            raise NoTariff(f"tariff {tariff_id} of the session's token is not in the records")
        return choose([_tariff.decode(_document(row))], at=at, ad_hoc=False)

    async def _chosen(self, owner: PartyId, place: Place, at: datetime, *, ad_hoc: bool) -> Tariff:
        return choose(await self._tariffs(owner, place, at), at=at, ad_hoc=ad_hoc)

    async def _place(self, owner: PartyId, station_id: str, evse_id: int, connector_id: int) -> Place:
        row = await self._spine.get(t.station, owner=str(owner), station_id=station_id)
        if row is None:
            raise Unplaced(f"station {station_id} is not in the records of {owner}")
        seat = _seat(_station.decode(_document(row)), evse_id)
        row = await self._spine.get(
            t.location, owner=str(owner), party=str(owner), location_id=seat.location_id
        )
        if row is None:
            raise Unplaced(f"location {seat.location_id} of station {station_id} is not in the records")
        location = _location(_document(row))
        place = place_in(location, seat.evse_uid, connector_id)
        if place is None:
            raise Unplaced(
                f"location {location.id} has no EVSE {seat.evse_uid} with connector {connector_id}"
            )
        return place

    async def _tariffs(self, owner: PartyId, place: Place, at: datetime) -> list[Tariff]:
        """The connector's tariffs as they were at this moment, in its order."""
        found: list[Tariff] = []
        for tariff_id in place.connector.tariff_ids:
            row = await self._tariff(owner, tariff_id, at)
            if row is not None:
                found.append(_tariff.decode(_document(row)))
        return found

    async def _tariff(self, owner: PartyId, tariff_id: str, at: datetime) -> Row | None:
        """What was replaced first after this moment, else what there is now (R-43)."""
        key: Row = {"owner": str(owner), "party": str(owner), "tariff_id": tariff_id}
        if self._mended:
            return await self._spine.get(t.tariff, **key)
        later = Between(low=at + _INSTANT)
        former = await self._spine.find(
            t.former_tariff, {**key, "replaced_at": later}, order=("replaced_at",), limit=1
        )
        return former[0] if former else await self._spine.get(t.tariff, **key)


def reckoning_of(session_id: str, recorded: list[Recorded]) -> Reckoning | None:
    """The last word of a session's station on its cost, and all tariffs it named; None: it said nothing."""
    told = [
        one.fact
        for one in recorded
        if isinstance(one.fact, SessionReckoned) and one.fact.session_id == session_id
    ]
    if not told:
        return None
    told.sort(key=lambda fact: (fact.final, fact.at))
    named = dict.fromkeys(name for fact in told for name in fact.reckoning.tariff_ids)
    cost = next((fact.reckoning.cost for fact in reversed(told) if fact.reckoning.cost is not None), None)
    return Reckoning(tariff_ids=tuple(named)[:MOST_TARIFFS], cost=cost)


def _running(priced: _Priced, version: int, now: datetime, clock: ClockOffset) -> Running:
    """A running session, to be followed from this version on."""
    told = priced.told
    return Running(
        told=told,
        by=priced.by,
        usage=priced.usage,
        booked_for=priced.booked and priced.booked.period,
        version=version,
        looked_up_at=now,
        clock=clock,
        line=told.line,
        closed=Cutter(priced.by, told.start, priced.usage.time_zone),
    ).shortened()


def _up_to(
    usage: Usage, segments: Segments, by: PriceList, end: datetime, booked_for: Period | None
) -> Usage:
    """The usage with these periods up to an end, and with the hours of its booking that have a price.

    Args:
        booked_for: the period of the booking that the session fulfils; None: it fulfils none.
    """
    reached = msgspec.structs.replace(usage, end=end, periods=segments.periods)
    return reached if booked_for is None else with_booked_hours(reached, booked_for, by)


def _noted(cost: Cost, by: PriceList, told: Trace, more: tuple[str, ...], *, mended: bool) -> Cost:
    notes = [*cost.notes, *more]
    if mended:
        notes.append(
            f"tariff {by.name} counts as it was mended at {by.tariff.last_updated:%Y-%m-%dT%H:%M:%SZ}"
        )
    elif by.tariff.last_updated > told.start:
        notes.append(f"tariff {by.name} came after the session began; no earlier form is known (R-43)")
    if told.suspect:
        first = ", ".join(f"{one.wh} Wh at {one.at:%H:%M:%SZ}" for one in told.suspect[:_SHOWN])
        rest = f" and {len(told.suspect) - _SHOWN} more" if len(told.suspect) > _SHOWN else ""
        notes.append(f"meter readings out of line were left out: {first}{rest} since the start")
    return msgspec.structs.replace(cost, notes=tuple(notes)) if len(notes) > len(cost.notes) else cost


def _of(session_id: str, recorded: list[Recorded]) -> list[Recorded]:
    """A session's own facts."""
    return [
        one for one in recorded if isinstance(one.fact, _SESSION_FACTS) and one.fact.session_id == session_id
    ]


def _facts(recorded: list[Recorded]) -> list[Fact]:
    return [one.fact for one in recorded]


def _clock(recorded: list[Recorded]) -> ClockOffset:
    return clock_offset((one.fact, one.at) for one in recorded)


def _seat(station: Station, evse_id: int) -> EvsePlace:
    """Where the EVSE stands; a station of one need not say which."""
    seat = seat_of(station, evse_id)
    if seat is None:
        raise Unplaced(f"EVSE {evse_id} of station {station.id} has no place in our locations")
    return seat


def _document(row: Row) -> str:
    return cast(str, row["document"])

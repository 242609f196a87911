"""The rater: makes the CDR of every session that is complete, priced by our own tariffs.

Every session gets one, whoever's token began it: a roaming driver's goes to her eMSP, those of our
own drivers and of nobody (ad hoc, or a token no one knew) stay with us for whoever bills them. The
price is never guessed. Where place or tariff is missing the session is recorded as a finding that
says why, and ``again`` rates it when that is mended.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import cast

import msgspec

from elstrada.billing.cdr import Place, cdr_id_of, cdr_of, place_in
from elstrada.billing.trace import NotBillable, Trace, not_ahead_of, trace
from elstrada.model.device import EvsePlace, Station
from elstrada.model.facts import (
    CdrIssued,
    Fact,
    MeterSampled,
    SessionCompleted,
    SessionEnded,
    SessionSeen,
    SessionStarted,
    SessionUpdated,
)
from elstrada.model.ids import PartyId, cdr_stream, owner_of, station_stream
from elstrada.model.location import Location
from elstrada.model.tariff import Tariff
from elstrada.roles.side_by_side import side_by_side
from elstrada.spine import tables as t
from elstrada.spine.face import Append, Between, Cell, Delete, Put, Recorded, Row, Spine, Work
from elstrada.tariffs.choose import choose
from elstrada.tariffs.compile import compiled
from elstrada.tariffs.policy import OCPI_2_3_0, Policy
from elstrada.tariffs.price import price_with
from elstrada.tariffs.refusals import NotPriced
from elstrada.tariffs.segment import split
from elstrada.tariffs.usage import Usage

NAME = "rater"
"""Of its cursor, for ever."""
CODE = "not-rated"
"""Of its findings; their source is ``session:<owner>/<session id>``."""

_SESSION_FACTS = (SessionStarted, SessionSeen, SessionUpdated, MeterSampled, SessionEnded, SessionCompleted)
_PAGE = 10_000
_INSTANT = timedelta(microseconds=1)
_SAMPLE_LENGTH = 300
_station = msgspec.json.Decoder(Station)
_location = lru_cache(256)(msgspec.json.Decoder(Location).decode)
"""Kept, since a place of many EVSEs is long and has many sessions."""
_tariff = msgspec.json.Decoder(Tariff)


class Unplaced(Exception):
    """We do not know which connector was used; the message says what is missing."""


class Rater:
    """A follower: ``handle`` is called with the log's facts, and says what they lead to."""

    def __init__(self, spine: Spine, policy: Policy = OCPI_2_3_0) -> None:
        self._spine, self._policy = spine, policy

    async def handle(self, batch: list[Recorded]) -> Work:
        """Rate the sessions that these facts complete."""
        done = {one.fact.session_id: one for one in batch if isinstance(one.fact, SessionCompleted)}
        works = await side_by_side(lambda item: self._rate(item[1], item[0]), list(done.items()))
        return Work(
            appends=tuple(append for work in works for append in work.appends),
            writes=tuple(write for work in works for write in work.writes),
        )

    async def again(self, owner: PartyId, session_id: str) -> Work:
        """Rate a session that could not be rated before; nothing if it has its CDR, or is not complete."""
        row = await self._spine.get(t.session, owner=str(owner), session_id=session_id)
        if row is None:
            return Work()
        stream = station_stream(owner, cast(str, row["station_id"]))
        facts = await self._facts(stream, cast(int, row["first_version"]), None)
        for one in facts:
            if isinstance(one.fact, SessionCompleted) and one.fact.session_id == session_id:
                return await self._rate(one, session_id)
        return Work()

    async def _rate(self, done: Recorded, session_id: str) -> Work:
        owner = owner_of(done.stream)
        stream = cdr_stream(owner, owner, cdr_id_of(session_id))
        if (await self._spine.load(stream)).version:
            return Work()  # P4: exactly one, also when the log is read again from its beginning.
        try:
            issued = await self._issued(owner, done, session_id)
        except (NotBillable, NotPriced, Unplaced) as refusal:
            return Work(writes=(await self._finding(owner, session_id, done.at, str(refusal)),))
        source: Row = {"source": source_of(owner, session_id), "code": CODE}
        mended = await self._spine.get(t.finding, **source) is not None
        # Expecting version 0 makes it exactly one, should two raters ever work at once.
        return Work((Append(stream, 0, (issued,)),), (Delete(t.finding, source),) if mended else ())

    async def _issued(self, owner: PartyId, done: Recorded, session_id: str) -> CdrIssued:
        told = not_ahead_of(trace(await self._session_facts(owner, done, session_id)), done.at)
        station_id = done.stream.split("/", 2)[2]
        place = await self._place(owner, station_id, told)
        tariff = choose(
            await self._tariffs(owner, place, told.start), at=told.start, ad_hoc=told.token_party is None
        )
        by = compiled(tariff)
        usage = Usage(
            start=told.start,
            end=told.end,
            time_zone=place.location.time_zone,
            currency=tariff.currency,
            periods=told.periods,
        )
        usage = msgspec.structs.replace(usage, periods=split(usage, by))
        cost = price_with(usage, [by], self._policy)
        if tariff.last_updated > told.start:
            note = f"tariff {by.name} came after the session began; no earlier form is known (R-43)"
            cost = msgspec.structs.replace(cost, notes=(*cost.notes, note))
        return CdrIssued(
            cdr_of(told, place, tariffs=(tariff,), periods=usage.periods, cost=cost, issued_at=done.at),
            cost,
        )

    async def _session_facts(self, owner: PartyId, done: Recorded, session_id: str) -> list[Fact]:
        """What was known of the session when it was complete; what comes later changes no CDR."""
        row = await self._spine.get(t.session, owner=str(owner), session_id=session_id)
        first = cast(int, row["first_version"]) if row else 1
        recorded = await self._facts(done.stream, first, done.version)
        facts = [one.fact for one in recorded]
        return [fact for fact in facts if isinstance(fact, _SESSION_FACTS) and fact.session_id == session_id]

    async def _facts(self, stream: str, first: int, last: int | None) -> list[Recorded]:
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

    async def _place(self, owner: PartyId, station_id: str, told: Trace) -> Place:
        row = await self._spine.get(t.station, owner=str(owner), station_id=station_id)
        if row is None:
            raise Unplaced(f"station {station_id} is not in the records of {owner}")
        seat = _seat(_station.decode(_document(row)), told.evse_id)
        row = await self._spine.get(
            t.location, owner=str(owner), party=str(owner), location_id=seat.location_id
        )
        if row is None:
            raise Unplaced(f"location {seat.location_id} of station {station_id} is not in the records")
        location = _location(_document(row))
        place = place_in(location, seat.evse_uid, told.connector_id)
        if place is None:
            raise Unplaced(
                f"location {location.id} has no EVSE {seat.evse_uid} with connector {told.connector_id}"
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
        later = Between(low=at + _INSTANT)
        former = await self._spine.find(
            t.former_tariff, {**key, "replaced_at": later}, order=("replaced_at",), limit=1
        )
        return former[0] if former else await self._spine.get(t.tariff, **key)

    async def _finding(self, owner: PartyId, session_id: str, at: datetime, reason: str) -> Put:
        key: dict[str, Cell] = {"source": source_of(owner, session_id), "code": CODE}
        known = await self._spine.get(t.finding, **key)
        row: dict[str, Cell] = {"sample": reason[:_SAMPLE_LENGTH], "last_at": at}
        row["first_at"] = known["first_at"] if known else at
        row["count"] = 1 + (cast(int, known["count"]) if known else 0)
        return Put(t.finding, key | row)


def _seat(station: Station, evse_id: int) -> EvsePlace:
    """Where the EVSE stands; a station of one need not say which."""
    for place in station.places:
        if place.evse_id == evse_id:
            return place
    if evse_id == 0 and len(station.places) == 1:
        return station.places[0]
    raise Unplaced(f"EVSE {evse_id} of station {station.id} has no place in our locations")


def source_of(owner: PartyId, session_id: str) -> str:
    """The source of the finding on a session that could not be rated."""
    return f"session:{owner}/{session_id}"


def _document(row: Row) -> str:
    return cast(str, row["document"])

"""Whose certificate ends soon: a finding per station and day, and a count for the alarm."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime, timedelta
from operator import itemgetter

import msgspec

from elstrada.model.certificates import V2G
from elstrada.net.face import Clock
from elstrada.roles.findings import Findings
from elstrada.spine import tables as t
from elstrada.spine.face import Row, Spine, SpineDown
from elstrada.spine.paging import pages

ENDS_SOON, ENDED = "certificate ends soon", "certificate has ended"
V2G_ENDS_SOON, V2G_ENDED = "V2G certificate ends soon", "V2G certificate has ended"
LOOK_S = 3600.0
AGAIN = timedelta(days=1)
"""A certificate is a finding so often."""

log = logging.getLogger(__name__)

_CODES = {
    (False, "soon"): ENDS_SOON,
    (False, "ended"): ENDED,
    (True, "soon"): V2G_ENDS_SOON,
    (True, "ended"): V2G_ENDED,
}


class Paper(msgspec.Struct, frozen=True):
    """A certificate that counts for a station.

    Of those it has come with, the one it began with last; of those that it shows to cars, which we never see
    shown, the one of each kind that it took from us last.
    """

    owner: str
    station_id: str
    fingerprint: str
    serial: str
    issuer: str
    ends_at: datetime
    issued_by_us: bool
    first_seen_at: datetime | None = None
    taken_at: datetime | None = None
    kind: str | None = None
    """OCPP's word for what it is for; None: not said."""

    @property
    def for_cars(self) -> bool:
        return self.kind in V2G


class ExpiryWatch:
    """Looks over the certificates of all stations. One of an installation at a time."""

    def __init__(self, spine: Spine, clock: Clock, findings: Findings, soon: timedelta) -> None:
        self._spine, self._clock, self._findings, self.soon = spine, clock, findings, soon
        self._noted: dict[tuple[str, str, str], datetime] = {}
        self.ending: dict[str, int] = {}
        """Stations by how it stands with their certificate; empty where another node looks."""
        self.ending_for_cars: dict[str, int] = {}
        """Certificates that stations show to cars, likewise."""

    async def run(self) -> None:
        """Look until cancelled."""
        try:
            while True:
                try:
                    await self.look()
                except SpineDown as down:
                    log.warning("the stations' certificates cannot be looked over now: %s", down)
                await asyncio.sleep(LOOK_S)
        finally:
            self.ending, self.ending_for_cars = {}, {}

    async def look(self) -> None:
        """Look once."""
        now = self._clock.now()
        own, for_cars = ({"fine": 0, "soon": 0, "ended": 0} for _ in range(2))
        async for paper in current_papers(self._spine):
            state = "ended" if paper.ends_at <= now else "soon" if paper.ends_at - now < self.soon else "fine"
            (for_cars if paper.for_cars else own)[state] += 1
            if state != "fine":
                self._note(paper, _CODES[paper.for_cars, state], now)
        self._noted = {key: at for key, at in self._noted.items() if now - at < AGAIN}
        self.ending, self.ending_for_cars = own, for_cars

    def _note(self, paper: Paper, code: str, now: datetime) -> None:
        key = (f"station:{paper.owner}/{paper.station_id}", code, paper.kind or "")
        before = self._noted.get(key)
        if before is not None and now - before < AGAIN:
            return
        self._noted[key] = now
        self._findings.note(*key[:2], f"serial {paper.serial} on {paper.ends_at:%Y-%m-%d}, of {paper.issuer}")


async def current_papers(spine: Spine, owner: str | None = None) -> AsyncIterator[Paper]:
    """The certificates that count, by owner and station."""
    where = {} if owner is None else {"owner": owner}
    group: list[Row] = []
    async for rows in pages(spine, t.station_certificate, where, ("owner", "station_id")):
        for row in rows:
            if group and _station(group[0]) != _station(row):
                for paper in _current(group):
                    yield paper
                group = []
            group.append(row)
    for paper in _current(group):
        yield paper


def _station(row: Row) -> tuple[object, object]:
    return row["owner"], row["station_id"]


def _current(rows: Sequence[Row]) -> Iterable[Paper]:
    papers = [_paper(row) for row in rows]
    shown = [(paper.first_seen_at, paper) for paper in papers if paper.first_seen_at is not None]
    if shown:
        yield max(shown, key=itemgetter(0))[1]
    for kind in sorted(V2G):
        taken = [(one.taken_at, one) for one in papers if one.kind == kind and one.taken_at is not None]
        if taken:
            yield max(taken, key=itemgetter(0))[1]


def _paper(row: Row) -> Paper:
    told = {name: row[name] for name in Paper.__struct_fields__ if name in row}
    return msgspec.convert({**told, "issued_by_us": row["issued_at"] is not None}, Paper)

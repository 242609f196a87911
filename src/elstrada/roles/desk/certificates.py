"""The verb that shows the certificates of stations, and when they end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.certificates import V2G
from elstrada.model.party import Role
from elstrada.roles.desk.face import Desk, Verb
from elstrada.roles.desk.lookups import needed, own_party
from elstrada.roles.gateway.expiry import Paper, current_papers
from elstrada.spine import tables as t

MOST_LISTED = 10_000


class ListCertificates(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Annotated[
        str | None,
        Meta(
            description="All of this station, whether or not it uses them; by default of every station those it uses."
        ),
    ] = None
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None
    within_days: Annotated[
        Annotated[int, Meta(ge=0, le=3650)] | None, Meta(description="Only those that end so soon.")
    ] = None


class CertificateLine(msgspec.Struct, frozen=True, kw_only=True):
    station: str
    serial: str
    """Hexadecimal."""
    issuer: str
    ends_at: datetime
    days_left: int
    """Whole days; negative once it has ended."""
    issued_by_us: bool
    used: bool
    """Has the station come with it? Of one that it shows to cars: did it take it from us?"""
    fingerprint: str
    kind: str
    """OCPP's word for what it is for; empty: it was not said."""


async def list_certificates(desk: Desk, params: ListCertificates) -> tuple[CertificateLine, ...]:
    """Certificates, those that end first at the top."""
    owner = str((await own_party(desk, params.party, Role.CPO)).id)
    lines = await (_current(desk, owner) if params.station is None else _of(desk, owner, params.station))
    if params.within_days is not None:
        last = desk.clock.now() + timedelta(days=params.within_days)
        lines = [line for line in lines if line.ends_at <= last]
    return tuple(sorted(lines, key=lambda line: (line.ends_at, line.station))[:MOST_LISTED])


async def _current(desk: Desk, owner: str) -> list[CertificateLine]:
    return [_line(desk, paper) async for paper in current_papers(desk.spine, owner)]


def _line(desk: Desk, paper: Paper) -> CertificateLine:
    return CertificateLine(
        station=paper.station_id,
        serial=paper.serial,
        issuer=paper.issuer,
        ends_at=paper.ends_at,
        days_left=(paper.ends_at - desk.clock.now()).days,
        issued_by_us=paper.issued_by_us,
        used=True,
        fingerprint=paper.fingerprint,
        kind=paper.kind or "",
    )


async def _of(desk: Desk, owner: str, station: str) -> list[CertificateLine]:
    what = f"station {station[:48]!r} of {owner}"
    await needed(desk, t.station, what, "see `elstrada station list`", owner=owner, station_id=station)
    rows = await desk.spine.find(
        t.station_certificate, {"owner": owner, "station_id": station}, limit=MOST_LISTED
    )
    now = desk.clock.now()
    return [
        msgspec.convert(
            {
                **{name: row[name] for name in ("serial", "issuer", "ends_at", "fingerprint")},
                "station": station,
                "days_left": (row["ends_at"] - now).days,  # type: ignore[operator]
                "issued_by_us": row["issued_at"] is not None,
                "used": row["taken_at" if row["kind"] in V2G else "first_seen_at"] is not None,
                "kind": row["kind"] or "",
            },
            CertificateLine,
        )
        for row in rows
    ]


CERTIFICATES = Verb(
    "station certificates",
    "List stations' certificates, for us and for cars, and when they end.",
    ListCertificates,
    tuple[CertificateLine, ...],
    list_certificates,
    arguments=0,
    reads=True,
)

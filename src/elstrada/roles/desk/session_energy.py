"""How a session's car charges: what it needs, what it was given, and the verb that gives it anew."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.device import CommandResult
from elstrada.model.ids import PartyId
from elstrada.model.mirror import ItemKind
from elstrada.model.needs import CarSchedule, Needs, NoPlan
from elstrada.model.party import Role
from elstrada.model.profile import Profile, Schedule
from elstrada.roles.desk.calling import called, version_of
from elstrada.roles.desk.commands import not_done
from elstrada.roles.desk.face import Desk, Kind, Part, Refused, Verb
from elstrada.roles.desk.lookups import needed, own_party
from elstrada.roles.desk.profile_text import profile_text, schedule_text
from elstrada.roles.mirrored import allowed_transfer
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Row

OurSession = Annotated[str, Meta(description="Its id; see `session list`.")]
OurParty = Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")]


class CarCharging(msgspec.Struct, frozen=True, kw_only=True):
    """How the car of a running session charges."""

    needs: Needs | None = None
    """What it said that it needs (ISO 15118)."""
    schedule: CarSchedule | None = None
    """How it said that it will charge."""
    profiles: tuple[Profile, ...] = ()
    """Those in the station that are of this session alone."""
    has_priority: bool = False
    """Its driver is in a hurry (OCPP 2.1)."""
    allowed_transfer: tuple[str, ...] | None = None
    """Ways of energy transfer that we allowed it, or its token; None: charging, as always."""


async def car_of(desk: Desk, owner: PartyId, row: Row) -> CarCharging:
    """What is known of the car of a session."""
    if row["ended_at"] is not None:
        return CarCharging()
    told = await _told(desk, owner, row)
    needs, schedule = (
        told.get((kind, str(row["evse_id"]))) for kind in (ItemKind.EV_NEEDS, ItemKind.EV_SCHEDULE)
    )
    name = str(row["transaction_id"])
    allowed = await allowed_transfer(desk.spine, owner, str(row["station_id"]), name)
    decode = msgspec.json.decode
    profiles = tuple(
        decode(document, type=Profile)
        for (kind, _), document in told.items()
        if kind is ItemKind.CHARGING_PROFILE
    )
    return CarCharging(
        needs=None if needs is None else decode(needs, type=Needs),
        schedule=None if schedule is None else decode(schedule, type=CarSchedule),
        profiles=tuple(one for one in profiles if one.transaction_id == row["transaction_id"]),
        has_priority=(ItemKind.PRIORITY_CHARGING, name) in told,
        allowed_transfer=allowed,
    )


_KINDS = (
    ItemKind.EV_NEEDS,
    ItemKind.EV_SCHEDULE,
    ItemKind.CHARGING_PROFILE,
    ItemKind.PRIORITY_CHARGING,
)
_MOST_READ = 20_000


async def _told(desk: Desk, owner: PartyId, row: Row) -> dict[tuple[ItemKind, str], str]:
    """What the station has in store for its sessions, by kind and key."""
    rows = await desk.spine.find(
        t.station_item,
        {
            "owner": str(owner),
            "station_id": row["station_id"],
            "kind": AnyOf(tuple(kind.value for kind in _KINDS)),
        },
        order=("kind", "key"),
        limit=_MOST_READ,
    )
    return {(ItemKind(str(one["kind"])), str(one["key"])): str(one["document"]) for one in rows}


async def session_of(desk: Desk, session_id: str, party: str | None) -> tuple[PartyId, Row]:
    """One of our sessions, and whose it is."""
    owner = (await own_party(desk, party, Role.CPO)).id
    what = f"session {session_id[:50]!r} of {owner}"
    row = await needed(
        desk, t.session, what, "see `elstrada session list`", owner=str(owner), session_id=session_id
    )
    return owner, row


async def running_session(desk: Desk, session_id: str, party: str | None) -> tuple[PartyId, Row]:
    """Likewise, if it runs and the station has named its place.

    Raises:
        Refused: it does not.
    """
    owner, row = await session_of(desk, session_id, party)
    if row["ended_at"] is not None:
        raise Refused(Kind.CONFLICT, f"session {session_id[:50]} has ended", pointer="/session")
    if not row["transaction_id"] or not row["evse_id"]:
        says = f"the station has not said yet where session {session_id[:50]} is"
        raise Refused(Kind.CONFLICT, says, "try again in a while", "/session")
    return owner, row


def car_lines(car: CarCharging) -> Iterator[str]:
    """The same for people."""
    if car.needs is not None:
        yield f"needs: {_needs_text(car.needs)}"
    for profile in car.profiles:
        yield f"given: {profile_text(profile)}"
    if car.schedule is not None:
        within = "within the limits" if car.schedule.within else f"beyond the limits: {car.schedule.text}"
        yield f"will charge: {schedule_text(car.schedule.schedule)}; {within}"
    if car.has_priority:
        yield "its driver is in a hurry"
    if car.allowed_transfer is not None:
        yield f"allowed: {', '.join(car.allowed_transfer)}"


def _needs_text(needs: Needs) -> str:
    parts = [needs.transfer]
    parts += [] if needs.energy_wh is None else [f"{needs.energy_wh} Wh"]
    parts += [] if needs.departure is None else [f"until {needs.departure:%F %TZ}"]
    least, most = needs.min_a, needs.max_a
    parts += [] if most is None else [f"{'' if least is None else f'{least:f} to '}{most:f} A"]
    parts += [] if needs.max_w is None else [f"at most {needs.max_w:f} W"]
    return ", ".join(parts)


# --- renegotiating ----------------------------------------------------------------------------------


class RenegotiateSession(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    session: OurSession
    party: OurParty = None
    deadline_s: Annotated[
        Annotated[int, Meta(ge=1, le=300)] | None,
        Meta(description="How long to wait for the answer; by default limits.command_s."),
    ] = None


class PlanEnd(msgspec.Struct, frozen=True, kw_only=True):
    """The schedule that a car was given."""

    session_id: str
    station: str
    evse_id: int
    transaction_id: str
    profile_id: int
    schedule: Schedule
    energy_wh: int | None
    """What it can take by it until it leaves; None: the voltage is not known."""
    missing_wh: int | None
    """Of what it wants; None: it does not say, or ``energy_wh`` is not known."""


async def renegotiate_session(desk: Desk, params: RenegotiateSession) -> PlanEnd:
    """Give a car a new schedule for what it said that it needs (K16)."""
    # The messages of three versions take a tenth of a second to load, which other verbs are spared.
    from elstrada.roles.planning import (
        SET,
        Stay,
        as_profile,
        denied,
        needs_at,
        place_of,
        planned,
        written,
    )

    owner, row = await running_session(desk, params.session, params.party)
    station, evse_id = str(row["station_id"]), int(str(row["evse_id"]))
    needs = await needs_at(desk.spine, owner, station, evse_id)
    version = await version_of(desk, owner, station)
    if needs is None or version.profiles.planned is None:
        says = f"the car of session {params.session[:50]} has not said what it needs"
        raise Refused(Kind.MISSING, says, "limit it with `elstrada station limit`", "/session")
    why = await denied(desk.spine, owner, station, needs, str(row["transaction_id"]))
    if why:
        raise Refused(Kind.CONFLICT, why, "see `elstrada session allow`", "/session")
    place, now = (
        await place_of(desk.spine, desk.quirks, owner, station, evse_id, version.profiles),
        desk.clock.now(),
    )
    since = row["started_at"] if isinstance(row["started_at"], datetime) else now
    stay = Stay(evse_id=evse_id, transaction_id=str(row["transaction_id"]), since=since)
    made = planned(needs, place, stay, now)
    profile = made if isinstance(made, NoPlan) else as_profile(made, place, stay)
    if isinstance(made, NoPlan) or isinstance(profile, NoPlan):
        why = made.why if isinstance(made, NoPlan) else profile.why  # type: ignore[union-attr]
        raise Refused(Kind.CONFLICT, f"no schedule can be made: {why}", "", "/session")
    payload = written(profile, version.profiles)
    command_id, done = await called(desk, owner, station, SET, payload, params.deadline_s)
    if done.result is not CommandResult.ACCEPTED:
        raise not_done(station, SET, command_id, done)
    return PlanEnd(
        session_id=params.session,
        station=station,
        evse_id=evse_id,
        transaction_id=profile.transaction_id,
        profile_id=profile.profile_id,
        schedule=made.schedule,
        energy_wh=made.energy_wh,
        missing_wh=made.missing_wh,
    )


def _plan_shown(end: PlanEnd) -> str:
    lines = [f"EVSE {end.evse_id} of {end.station}: {schedule_text(end.schedule)}"]
    if end.energy_wh is not None:
        missing = f", {end.missing_wh} Wh less than it wants" if end.missing_wh else ""
        lines.append(f"the car can take {end.energy_wh} Wh{missing}")
    return "\n".join(lines)


RENEGOTIATE = Verb(
    "session renegotiate",
    "Give a car a new schedule for what it needs (ISO 15118), within the limits as they are now.",
    RenegotiateSession,
    PlanEnd,
    renegotiate_session,
    Part.POST,
    show=_plan_shown,
)

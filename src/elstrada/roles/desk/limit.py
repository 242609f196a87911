"""The verb that limits how much a station gives."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.roles.desk.face import Desk, Part, Verb
from elstrada.roles.desk.shapes import Moment, Number


class LimitStation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Annotated[str, Meta(description="Its identity.")]
    amperes: Annotated[Decimal | None, Meta(description="How much it may give, per phase.")] = None
    watts: Annotated[Decimal | None, Meta(description="How much it may give, over all phases.")] = None
    release: Annotated[bool, Meta(description="Take back what was limited by this command.")] = False
    evse: Annotated[Number | None, Meta(description="Only this EVSE (1.6: connector).")] = None
    session: Annotated[str | None, Meta(description="Only this session, until it ends.")] = None
    until: Annotated[Moment | None, Meta(description="Until then; by default until released.")] = None
    voltage: Annotated[
        Annotated[int, Meta(ge=50, le=1000)] | None,
        Meta(description="V, line to neutral; by default as the location says."),
    ] = None
    phases: Annotated[
        Annotated[int, Meta(ge=1, le=3)] | None, Meta(description="By default as the location says.")
    ] = None
    watch_s: Annotated[
        Annotated[int, Meta(ge=0, le=300)],
        Meta(description="How long to watch the meter of a station that does not tell what it allows."),
    ] = 20
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None
    deadline_s: Annotated[
        Annotated[int, Meta(ge=1, le=300)] | None,
        Meta(description="How long to wait for each answer; by default limits.command_s."),
    ] = None


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """One way in which the limit was put, or why it was not."""

    purpose: str
    outcome: str


class LimitEnd(msgspec.Struct, frozen=True, kw_only=True):
    """What limits the station now."""

    station: str
    purpose: str | None
    """The way that worked; None: released."""
    profile_id: int | None
    evse_id: int | None
    limit: Decimal | None
    unit: str | None
    shown_by: str
    """What shows that it holds: ``composite schedule``, ``meter``, or ``nothing yet``."""
    allowed: Decimal | None
    """What all known profiles allow together, in the same unit; None: not comparable, or no limit."""
    tried: tuple[Tried, ...]
    released: tuple[int, ...]
    """Profiles taken back."""


async def limit_station(desk: Desk, params: LimitStation) -> LimitEnd:
    """Limit or release a station, an EVSE or a session, by what the station takes (rules 28 to 30)."""
    # The messages of three versions take a tenth of a second to load, which other verbs are spared.
    from elstrada.roles.desk.limiting import limited

    return await limited(desk, params)


def _shown(end: LimitEnd) -> str:
    lines = [f"{one.purpose}: {one.outcome}" for one in end.tried]
    if end.purpose is None:
        numbers = ", ".join(str(number) for number in end.released)
        return "\n".join([*lines, f"released: {numbers or 'there was nothing to release'}"])
    place = "the station" if not end.evse_id else f"EVSE {end.evse_id}"
    says = (
        f"{place} may give {end.limit} {end.unit}, by {end.purpose} {end.profile_id}; shown by {end.shown_by}"
    )
    return "\n".join([*lines, says])


LIMIT = Verb(
    "station limit",
    "Limit how much a station, an EVSE or a session may take, or release it.",
    LimitStation,
    LimitEnd,
    limit_station,
    Part.POST,
    show=_shown,
)

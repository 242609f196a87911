"""Which charging profiles a station must have, and which it seems to have forgotten (rule 31).

Stations keep profiles over a reboot (1.6 §3.13.1, 2.0.1 part 2, K01.FR.27), say the standards; many do not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from elstrada.charging.composite import Moment, NotComparable, limit_at
from elstrada.model.profile import Profile, ProfileKind, Purpose

TOLERANCE = Decimal("0.1")
"""Stations round what they tell."""


class Seen(msgspec.Struct, frozen=True):
    """What a look at a station showed of the profiles that it must have."""

    missing: tuple[Profile, ...] = ()
    unknown: tuple[Profile, ...] = ()
    """It does not tell of them."""
    by: str = ""
    """What showed what is missing."""


def owed(profiles: Iterable[Profile], running: Collection[str], now: datetime) -> tuple[Profile, ...]:
    """Those of ours that hold, or will: what ended, or is of a session that did, is owed no more.

    Args:
        profiles: that were set and not taken back.
        running: the station's names of the sessions that go on.
    """
    return tuple(one for one in profiles if one.is_ours and not is_over(one, now) and _goes_on(one, running))


def is_over(profile: Profile, now: datetime) -> bool:
    """Will it never limit anything again?"""
    if profile.valid_to is not None and profile.valid_to <= now:
        return True
    if profile.kind != ProfileKind.ABSOLUTE:
        return False
    ends = [
        None
        if schedule.start is None or schedule.duration_s is None
        else schedule.start + timedelta(seconds=schedule.duration_s)
        for schedule in profile.schedules
    ]
    return all(end is not None and end <= now for end in ends)


def _goes_on(profile: Profile, running: Collection[str]) -> bool:
    """A profile without a session's name is of one that was to begin, which a reboot ends."""
    return profile.purpose not in (Purpose.TX, Purpose.PRIORITY) or profile.transaction_id in running


def place_of(profile: Profile, running: Mapping[str, int], evses: Collection[int]) -> int | None:
    """The EVSE whose composite schedule shows a profile, 0 the station's; None: none does.

    Args:
        running: the EVSE of each session that goes on.
        evses: as far as known.
    """
    if profile.purpose != Purpose.TX_DEFAULT or profile.evse_id:
        return profile.evse_id or 0
    # On EVSE 0 it limits each EVSE, and not the station (K01.FR.14).
    return next(iter(sorted({*running.values()})), min(evses, default=None))


def lacking(
    here: Sequence[Profile],
    all_: Sequence[Profile],
    moment: Moment,
    told: Decimal | None,
    now: datetime,
) -> Seen:
    """What is missing, by what a station says that it allows somewhere now.

    Args:
        here: the profiles that must show there.
        all_: every profile that the station must have.
        told: its limit, in the moment's unit; None: it says that nothing limits.
    """
    try:
        wanted = limit_at(all_, moment, now)
        alone = {one.id: limit_at((one,), moment, now) for one in here}
    except NotComparable:
        return Seen(unknown=tuple(here))
    silent = tuple(one for one in here if alone[one.id] is None)  # It limits nothing now, and cannot show.
    if wanted is None or (told is not None and told <= wanted + TOLERANCE):
        return Seen(unknown=silent)
    missing = tuple(one for one in here if _is_exceeded(alone[one.id], told))
    return Seen(missing=missing, unknown=silent)


def _is_exceeded(limit: Decimal | None, told: Decimal | None) -> bool:
    return limit is not None and (told is None or told > limit + TOLERANCE)

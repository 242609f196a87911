"""What a CPO makes of a driver's wishes for a session (OCPI mod_sessions).

Nothing plans by such wishes yet, so only what holds anyway is accepted: a session takes what the limits allow, as
early as possible, and is never discharged for our sake.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from elstrada.model.preferences import ChargingPreferences, PreferencesAnswer, ProfileType

SUPPORTED = frozenset({ProfileType.REGULAR})
"""Of the others we have neither a plan nor, as the standard demands, a price that a session would be given."""


def answer(wanted: ChargingPreferences, most_w: Decimal | None, now: datetime) -> PreferencesAnswer:
    """The answer to what a driver wants.

    Args:
        most_w: what his connector gives at most; None: nobody says.
    """
    if wanted.profile_type not in SUPPORTED:
        return PreferencesAnswer.PROFILE_TYPE_NOT_SUPPORTED
    if wanted.departure_time is not None and wanted.departure_time <= now:
        return PreferencesAnswer.NOT_POSSIBLE
    if wanted.discharge_allowed and wanted.departure_time is None:
        # A car may be discharged as far as it has its energy when it leaves: both must be known.
        return PreferencesAnswer.DEPARTURE_REQUIRED
    if wanted.discharge_allowed and wanted.energy_need_kwh is None:
        return PreferencesAnswer.ENERGY_NEED_REQUIRED
    return PreferencesAnswer.NOT_POSSIBLE if _beyond(wanted, most_w, now) else PreferencesAnswer.ACCEPTED


def _beyond(wanted: ChargingPreferences, most_w: Decimal | None, now: datetime) -> bool:
    """Is it more than the connector could give until then?"""
    if wanted.departure_time is None or wanted.energy_need_kwh is None or most_w is None:
        return False
    hours = Decimal(int((wanted.departure_time - now).total_seconds())) / 3600
    return wanted.energy_need_kwh * 1000 > most_w * hours

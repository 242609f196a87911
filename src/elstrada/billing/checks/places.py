"""Checks of where it was: the location as we know it, and what the CDR says of it."""

from __future__ import annotations

import re

from elstrada.billing.checks.countries import ALPHA_3
from elstrada.billing.checks.distance import metres
from elstrada.billing.checks.face import Check, Known, Outcome, Unexamined, connector_in, evse_in
from elstrada.model.cdr import Cdr
from elstrada.model.examination import Severity
from elstrada.model.location import EvseStatus

# eMI3 part 2: country, operator, E, the rest; separators may be left out.
_EVSE_ID = re.compile(r"^([A-Z]{2})\*?([A-Z0-9]{3})\*?E", re.IGNORECASE)


def unknown_place(cdr: Cdr, known: Known) -> Outcome:
    """V33: but for what is published to nobody, such as chargers at homes."""
    return None if _is_hidden(cdr, known) else _unknown(cdr, known)


def unknown_home(cdr: Cdr, known: Known) -> Outcome:
    """V33: of a charger that is not published a warning is enough."""
    return _unknown(cdr, known) if _is_hidden(cdr, known) else None


def _is_hidden(cdr: Cdr, known: Known) -> bool:
    return cdr.home_charging_compensation or (known.place is not None and not known.place.publish)


def _unknown(cdr: Cdr, known: Known) -> Outcome:
    place = cdr.cdr_location
    if known.place is None:
        if not known.places:
            return Unexamined("we have no locations of its party")
        return f"location {place.id[:36]!r} of {cdr.party} is not known"
    evse = evse_in(known, cdr)
    if evse is None:
        return f"EVSE {place.evse_uid[:36]!r} is not known at location {place.id[:36]!r}"
    if connector_in(known, cdr) is None:
        return f"EVSE {place.evse_uid[:36]!r} has no connector {place.connector_id[:36]!r}"
    if evse.status is EvseStatus.REMOVED and evse.last_updated <= cdr.start_date_time:
        return (
            f"EVSE {place.evse_uid[:36]!r} was removed at {evse.last_updated.isoformat()}, before the session"
        )
    return None


def place_contradicts(cdr: Cdr, known: Known) -> Outcome:
    """V34."""
    place = cdr.cdr_location
    found = _EVSE_ID.match(place.evse_id)
    if found is not None:
        country, operator = found[1].upper(), found[2].upper()
        if ALPHA_3.get(country, place.country) != place.country:
            return f"country is {place.country[:3]}, and the EVSE-ID {place.evse_id[:48]!r} begins with {country}"
        if operator != cdr.party.party_id:
            return f"the EVSE-ID {place.evse_id[:48]!r} is of {operator}, the CDR of {cdr.party}"
    if known.place is None:
        return Unexamined("we have no copy of its location")
    if known.place.country != place.country:
        return f"country is {place.country[:3]}, our copy of the location has {known.place.country}"
    evse = evse_in(known, cdr)
    apart = metres(place.coordinates, (evse and evse.coordinates) or known.place.coordinates)
    if apart is not None and apart > known.limits.nearness_m:
        return f"its place is {apart} m from our copy of the location"
    return None


def home_in_public(cdr: Cdr, known: Known) -> Outcome:
    """V52."""
    if not cdr.home_charging_compensation:
        return None
    if known.place is None:
        return Unexamined("we have no copy of its location")
    return "home_charging_compensation at a location that is published" if known.place.publish else None


CHECKS = (
    Check("V33", Severity.HOLD, unknown_place),
    Check("V33", Severity.WARN, unknown_home),
    Check("V34", Severity.HOLD, place_contradicts),
    Check("V52", Severity.WARN, home_in_public),
)

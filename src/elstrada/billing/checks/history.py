"""Checks against other CDRs of the same token, and of the same EVSE."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from elstrada.billing.checks.distance import metres
from elstrada.billing.checks.face import Check, Known, Neighbour, Outcome, Unexamined
from elstrada.billing.trace import CLOCKS_DIFFER
from elstrada.model.cdr import Cdr
from elstrada.model.examination import Severity

_NO_TOKEN = Unexamined("the token's other sessions are not known")
_NO_EVSE = Unexamined("the EVSE's other sessions are not known")
_HOUR = timedelta(hours=1)
_SECOND = timedelta(seconds=1)
_ONE = Decimal(1)


def token_at_two_evses(cdr: Cdr, known: Known) -> Outcome:
    """V03."""
    if known.limits.parallel_sessions:
        return None
    if known.of_token is None:
        return _NO_TOKEN
    for one in known.of_token:
        if _overlaps(cdr, one) and not _is_here(cdr, one):
            return f"the token charged at {_place(one)} at the same time, by CDR {one.cdr_id[:39]!r}"
    return None


def two_at_one_connector(cdr: Cdr, known: Known) -> Outcome:
    """V04."""
    if known.at_evse is None:
        return _NO_EVSE
    connector = cdr.cdr_location.connector_id.casefold()
    for one in known.at_evse:
        if one.connector_id.casefold() == connector and _is_here(cdr, one) and _overlaps(cdr, one):
            return f"CDR {one.cdr_id[:39]!r} is of the same connector at the same time"
    return None


def faster_than_any_car(cdr: Cdr, known: Known) -> Outcome:
    """V05: between two sessions of a token; their clocks may differ."""
    if known.of_token is None:
        return _NO_TOKEN
    for one in known.of_token:
        gap = _gap(cdr, one)
        apart = metres(cdr.cdr_location.coordinates, one.coordinates)
        if gap is None or apart is None:
            continue
        reach = known.limits.speed_kmh * 1000 * ((gap + CLOCKS_DIFFER) / _HOUR)
        if apart > reach:
            return f"{apart // 1000} km from {_place(one)}, where the token charged {gap // _SECOND} s apart"
    return None


def replayed(cdr: Cdr, known: Known) -> Outcome:
    """V46: as the CDR before it at the EVSE, to the Wh and second."""
    if known.at_evse is None:
        return _NO_EVSE
    before = _before(cdr, known.at_evse)
    length = cdr.end_date_time - cdr.start_date_time
    if not before or not cdr.total_energy:
        return None
    last = before[-1]
    if (last.energy, last.end - last.start) != (cdr.total_energy, length):
        return None
    return f"energy and length are those of CDR {last.cdr_id[:39]!r} before it at the EVSE"


def round_again_and_again(cdr: Cdr, known: Known) -> Outcome:
    """V46: meters seldom stop at whole kWh."""
    if known.at_evse is None:
        return _NO_EVSE
    last = [one.energy for one in _before(cdr, known.at_evse)][-known.limits.round_kwh :]
    energies = [*last, cdr.total_energy]
    if len(energies) <= known.limits.round_kwh or not all(_is_whole(energy) for energy in energies):
        return None
    return f"the last {len(energies)} CDRs of the EVSE are of whole kWh"


def charges_too_often(cdr: Cdr, known: Known) -> Outcome:
    """V47: within a day before its end."""
    if known.of_token is None:
        return _NO_TOKEN
    day = [
        one
        for one in known.of_token
        if cdr.end_date_time - timedelta(days=1) < one.start <= cdr.end_date_time
    ]
    if len(day) < known.limits.sessions_a_day:
        return None
    return f"{len(day) + 1} sessions of the token within a day"


def charges_too_much(cdr: Cdr, known: Known) -> Outcome:
    """V47."""
    cap = known.limits.month_kwh
    if cap is None:
        return None
    if known.month_kwh is None:
        return Unexamined("the token's energy of the month is not known")
    energy = known.month_kwh + cdr.total_energy
    return None if energy <= cap else f"{energy} kWh of the token this month, {cap} are agreed"


def cloned(cdr: Cdr, known: Known) -> Outcome:
    """V48."""
    if known.of_token is None:
        return _NO_TOKEN
    limits = known.limits
    for one in known.of_token:
        gap = timedelta(0) if _overlaps(cdr, one) else _gap(cdr, one)
        apart = metres(cdr.cdr_location.coordinates, one.coordinates)
        near = gap is None or gap > timedelta(seconds=limits.clone_s) or one.party == str(cdr.party)
        if not near and apart is not None and apart > limits.clone_m:
            return f"the token was at {_place(one)} too, {apart // 1000} km away, with another operator"
    return None


def _overlaps(cdr: Cdr, one: Neighbour) -> bool:
    """[start, end) of both."""
    return one.start < cdr.end_date_time and cdr.start_date_time < one.end


def _gap(cdr: Cdr, one: Neighbour) -> timedelta | None:
    """Between the end of the earlier and the start of the later; None: they overlap."""
    if _overlaps(cdr, one):
        return None
    return max(cdr.start_date_time - one.end, one.start - cdr.end_date_time)


def _is_here(cdr: Cdr, one: Neighbour) -> bool:
    place = cdr.cdr_location
    here = (str(cdr.party), place.id.casefold(), place.evse_uid.casefold())
    return here == (one.party, one.location_id.casefold(), one.evse_uid.casefold())


def _before(cdr: Cdr, at_evse: Sequence[Neighbour]) -> list[Neighbour]:
    before = [one for one in at_evse if _is_here(cdr, one) and one.end <= cdr.start_date_time]
    return sorted(before, key=lambda one: (one.start, one.cdr_id))


def _is_whole(energy: Decimal) -> bool:
    return energy != 0 and energy % _ONE == 0


def _place(one: Neighbour) -> str:
    return f"{one.party} {one.location_id[:36]}/{one.evse_uid[:36]}"


CHECKS = (
    Check("V03", Severity.HOLD, token_at_two_evses, credits=False),
    Check("V04", Severity.HOLD, two_at_one_connector, credits=False),
    Check("V05", Severity.HOLD, faster_than_any_car, credits=False),
    Check("V46", Severity.HOLD, replayed, credits=False),
    Check("V46", Severity.HOLD, round_again_and_again, credits=False),
    Check("V47", Severity.WARN, charges_too_often, credits=False),
    Check("V47", Severity.WARN, charges_too_much, credits=False),
    Check("V48", Severity.WARN, cloned, credits=False),
)

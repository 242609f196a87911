"""Checks of a CDR's own form: is it one, and the only one of its id?"""

from __future__ import annotations

from collections.abc import Iterator

from elstrada.billing.checks.face import Check, Known, Outcome
from elstrada.model.cdr import Cdr
from elstrada.model.examination import Severity

_POWER_TYPES = frozenset({"AC_1_PHASE", "AC_2_PHASE", "AC_2_PHASE_SPLIT", "AC_3_PHASE", "DC"})
_FORMATS = frozenset({"CABLE", "SOCKET"})


def other_content(_: Cdr, known: Known) -> Outcome:
    """V01."""
    if known.earlier_hash in (None, known.content_hash):
        return None
    return "a CDR of this party and id came before with other content"


def session_billed_before(cdr: Cdr, known: Known) -> Outcome:
    """V02: until the first is credited."""
    if known.billed_as is None:
        return None
    return f"session {(cdr.session_id or '')[:36]!r} is on a bill already, by CDR {known.billed_as[:39]!r}"


def periods_say_nothing(cdr: Cdr, known: Known) -> Outcome:
    """V18."""
    if not cdr.charging_periods:
        return "there is no charging period"
    for number, period in enumerate(cdr.charging_periods, 1):
        if not period.dimensions:
            return f"period {number} has no dimension"
        for one in period.dimensions:
            if one.volume < 0 and not (one.type == "ENERGY" and known.limits.energy_back):
                return f"period {number} has {one.volume} of {one.type}"
    return None


def written_wrongly(cdr: Cdr, _: Known) -> Outcome:
    """V51: lengths and closed enumerations; OCPI 2.1.1 to 2.3.0 agree on them."""
    return next(_strays(cdr), None)


def _strays(cdr: Cdr) -> Iterator[str]:
    for name, text, most in _lengths(cdr):
        if text is not None and len(text) > most:
            yield f"{name} has {len(text)} characters, {most} at most are allowed"
    place = cdr.cdr_location
    # OCPI 2.2.1 mod_cdrs: ISO 3166-1 alpha-3 in CdrLocation, unlike everywhere else.
    if not (len(place.country) == 3 and place.country.isascii() and place.country.isupper()):
        yield f"cdr_location.country is {place.country[:8]!r}, expected ISO 3166-1 alpha-3"
    if place.connector_format not in _FORMATS:
        yield f"cdr_location.connector_format is {place.connector_format[:20]!r}, expected SOCKET or CABLE"
    if place.connector_power_type not in _POWER_TYPES:
        expected = ", ".join(sorted(_POWER_TYPES))
        yield f"cdr_location.connector_power_type is {place.connector_power_type[:20]!r}, expected {expected}"


def _lengths(cdr: Cdr) -> Iterator[tuple[str, str | None, int]]:
    """Name, value and greatest length. Source: OCPI 2.3.0 mod_cdrs."""
    place = cdr.cdr_location
    yield "id", cdr.id, 39 if cdr.credit else 36
    yield "session_id", cdr.session_id, 36
    yield "authorization_reference", cdr.authorization_reference, 36
    yield "credit_reference_id", cdr.credit_reference_id, 39
    yield "invoice_reference_id", cdr.invoice_reference_id, 39
    yield "meter_id", cdr.meter_id, 255
    yield "remark", cdr.remark, 255
    yield "cdr_location.id", place.id, 36
    yield "cdr_location.name", place.name, 255
    yield "cdr_location.address", place.address, 45
    yield "cdr_location.city", place.city, 45
    yield "cdr_location.postal_code", place.postal_code, 10
    yield "cdr_location.state", place.state, 20
    yield "cdr_location.evse_uid", place.evse_uid, 36
    yield "cdr_location.evse_id", place.evse_id, 48
    yield "cdr_location.connector_id", place.connector_id, 36
    for tariff in cdr.tariffs:
        yield "tariffs.id", tariff.id, 36


CHECKS = (
    Check("V01", Severity.REJECT, other_content),
    Check("V02", Severity.HOLD, session_billed_before, credits=False),
    Check("V18", Severity.REJECT, periods_say_nothing),
    Check("V51", Severity.REJECT, written_wrongly),
)

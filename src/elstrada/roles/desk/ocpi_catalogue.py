"""OCPI Locations from a file, as an access point publishes them: read permissively, told what strays.

The quality gate's rules (energy and open data, 4.6) speak of EVSEs and connectors; a row here is a
location, numbered from 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal, InvalidOperation

from elstrada.datex.defects import Defect, Rule, Severity, strike
from elstrada.datex.irve import Imported
from elstrada.model.ids import PartyId
from elstrada.model.location import Connector, Evse, Location
from elstrada.ocpi.body import Json, Mismatch, Object, shape
from elstrada.ocpi.limits import validate
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.versions import LANGUAGES
from elstrada.roles.desk.ocpi_document import objects_in, problem_of, read_json

WORDS = LANGUAGES["2.3.0"]
"""Whose Location has all that one of 2.2.1 has."""
MOST_LOCATIONS = 500_000

MISFIT = Rule("Q-13", Severity.REJECTED, "the location is not OCPI 2.3.0")
STRAYS = Rule("Q-13", Severity.DOUBTFUL, "the location strays from OCPI 2.3.0")
NOT_SAID = Rule("Q-13", Severity.MENDED, "a required field is missing")
TWICE = Rule("Q-12", Severity.REJECTED, "the location stands in the file more than once")
NOWHERE = Rule("Q-04", Severity.REJECTED, "the coordinates are none, or 0, 0")
POWER_OFF = Rule("Q-01", Severity.DOUBTFUL, "the power is over 1000 times what volts and amperes make")
AC_ABOVE_43_KW = Rule("Q-02", Severity.DOUBTFUL, "an AC connector has more than 43.5 kW")
NO_POWER = Rule("Q-03", Severity.DOUBTFUL, "the connector's power is missing")

_MOST_AC_W = 43_500


def import_ocpi(content: bytes, now: datetime) -> Imported:
    """Read a file of Locations: one, a list of them, or a response's envelope around either.

    Raises:
        Refused: it is no JSON, or holds no locations.
    """
    found: dict[tuple[PartyId, str], tuple[int, Location]] = {}
    defects: list[Defect] = []
    rows = objects_in(read_json(content), "Location", "locations", MOST_LOCATIONS)
    for number, item in enumerate(rows, 1):
        location, struck = _read(number, item, now)
        defects += struck
        if location is None:
            continue
        other = found.setdefault((location.party, location.id), (number, location))
        if other[0] != number:
            older, newer = sorted((other, (number, location)), key=lambda row: (row[1].last_updated, -row[0]))
            done = f"not taken over: row {newer[0]} stands for it"
            defects.append(strike(TWICE, row=older[0], field="/id", value=location.id, done=done))
            found[location.party, location.id] = newer
    locations = tuple(location for _, location in found.values())
    return Imported(len(rows), len(locations), len(rows) - len(locations), locations, tuple(defects))


def _read(number: int, item: Json, now: datetime) -> tuple[Location | None, list[Defect]]:
    if not isinstance(item, dict):
        done = "not taken over: expected an object"
        return None, [strike(MISFIT, row=number, field="", value=str(item), done=done)]
    mended, defects = _mended(number, item, now)
    try:
        wire = shape(mended, WORDS.location.wire)
        location = WORDS.location.read(wire).value
    except Mismatch as mismatch:
        problem = problem_of(mismatch)
        value, done = str(item.get("id", "")), f"not taken over: {problem.says}"
        return None, [*defects, strike(MISFIT, row=number, field=problem.pointer, value=value, done=done)]
    if not _somewhere(location):
        where = f"{location.coordinates.latitude}, {location.coordinates.longitude}"
        defects.append(strike(NOWHERE, row=number, field="/coordinates", value=where, done="not taken over"))
        return None, defects
    for finding in validate(wire):
        defects.append(
            strike(STRAYS, row=number, field=finding.pointer, value=finding.message, done="taken over")
        )
    return location, defects + list(_gate(number, location))


# --- what can be mended -----------------------------------------------------------------------------


def _mended(number: int, item: Object, now: datetime) -> tuple[Object, list[Defect]]:
    """The object with what it lacks and can be told; an access point leaves out what it finds obvious."""
    mended, defects = dict(item), list[Defect]()
    for name, tell in _TELL.items():
        value = tell(item, now) if item.get(name) is None else None
        if value is not None:
            mended[name] = value
            done = f"taken as {value}".lower() if isinstance(value, bool) else f"taken as {value}"
            defects.append(strike(NOT_SAID, row=number, field=f"/{name}", value="", done=done))
    return mended, defects


def _party_of_evse(item: Object, start: int, end: int) -> str | None:
    """A part of the first EVSE's eMI3 id, without separators: two letters, three for the party."""
    evses = item.get("evses")
    first = evses[0] if isinstance(evses, list) and evses else None
    evse_id = first.get("evse_id") if isinstance(first, dict) else None
    if not isinstance(evse_id, str):
        return None
    return evse_id.replace("*", "").replace("-", "")[start:end].upper() or None


_TELL: dict[str, Callable[[Object, datetime], str | bool | None]] = {
    "country_code": lambda item, _: _party_of_evse(item, 0, 2),
    "party_id": lambda item, _: _party_of_evse(item, 2, 5),
    "publish": lambda _, __: True,
    "last_updated": lambda _, now: str(Instant(now)),
}


# --- the quality gate -------------------------------------------------------------------------------


def _somewhere(location: Location) -> bool:
    try:
        latitude, longitude = (
            Decimal(text) for text in (location.coordinates.latitude, location.coordinates.longitude)
        )
    except InvalidOperation:
        return False
    known = latitude.is_finite() and longitude.is_finite()
    return known and abs(latitude) <= 90 and abs(longitude) <= 180 and (latitude, longitude) != (0, 0)


def _gate(number: int, location: Location) -> Iterator[Defect]:
    for index, evse in enumerate(location.evses):
        for at, connector in enumerate(evse.connectors):
            found = _power_rule(connector)
            if found is not None:
                field = f"/evses/{index}/connectors/{at}/max_electric_power"
                value = str(connector.max_electric_power or "")
                yield strike(found, row=number, field=field, value=value, done="taken over")
    yield from _twins(number, location.evses)


def _power_rule(connector: Connector) -> Rule | None:
    power_w = connector.max_electric_power
    if not power_w:
        return NO_POWER
    if power_w >= 1000 * max(1, connector.max_voltage * connector.max_amperage):
        return POWER_OFF
    if connector.power_type != "DC" and power_w > _MOST_AC_W:
        return AC_ABOVE_43_KW
    return None


TWIN_EVSE = Rule("Q-12", Severity.DOUBTFUL, "two EVSEs of the location have one EVSE id")


def _twins(number: int, evses: tuple[Evse, ...]) -> Iterator[Defect]:
    seen: set[str] = set()
    for index, evse in enumerate(evses):
        if evse.evse_id and evse.evse_id in seen:
            field = f"/evses/{index}/evse_id"
            yield strike(TWIN_EVSE, row=number, field=field, value=evse.evse_id, done="taken over")
        seen.add(evse.evse_id or "")

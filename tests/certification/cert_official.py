"""The official schemas, as the PyPI package ``ocpp`` carries them, and the rules that no schema can say.

Nothing of ours is in it: what the CSMS sends is judged by somebody else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema_rs

import ocpp

Json = Any
_FOLDERS = {
    "ocpp1.6": ("v16", ""),
    "ocpp2.0.1": ("v201", "Request"),
    "ocpp2.1": ("v21", "Request"),
}
_UNPLANNED: Json = {}


@cache
def _validator(protocol: str, name: str) -> jsonschema_rs.Validator:
    path = Path(ocpp.__file__).parent / _FOLDERS[protocol][0] / "schemas" / f"{name}.json"
    # A byte-order mark has occurred.
    return jsonschema_rs.validator_for(json.loads(path.read_text("utf-8-sig")), validate_formats=True)


def request_departures(protocol: str, action: str, payload: Json) -> list[str]:
    """Where a request of either side strays from its schema."""
    return _departures(protocol, action + _FOLDERS[protocol][1], payload)


def csms_departures(protocol: str, action: str, payload: Json) -> list[str]:
    """Where a request of the CSMS strays from its schema, or from the rules of part 6 section 3.1."""
    found = request_departures(protocol, action, payload)
    return found or [f"{action}: {rule}" for rule in _against_the_general_rules(payload)]


def response_departures(protocol: str, action: str, payload: Json) -> list[str]:
    """Where a response strays from its schema."""
    return _departures(protocol, f"{action}Response", payload)


def _departures(protocol: str, name: str, payload: Json) -> list[str]:
    return [f"{name}: {error.message}" for error in _validator(protocol, name).iter_errors(payload)]


def _against_the_general_rules(payload: Json) -> Iterator[str]:
    for schedule in _schedules(payload):
        periods = schedule.get("chargingSchedulePeriod", [])
        if any(later["startPeriod"] <= earlier["startPeriod"] for earlier, later in pairwise(periods)):
            yield "the periods of a schedule are not in the order of time"
        if any("phaseToUse" in period and period.get("numberPhases") != 1 for period in periods):
            yield "phaseToUse without numberPhases 1"


def _schedules(payload: Json) -> Iterator[Json]:
    profile = payload.get("chargingProfile") or payload.get("csChargingProfiles") or _UNPLANNED
    schedules = profile.get("chargingSchedule", [])
    yield from schedules if isinstance(schedules, list) else [schedules]

"""What no schema says of the messages that we call stations with.

Source: OCPP 2.0.1 part 2, K01.FR.19, 31 and 35, D01.FR.06 and 18; part 6 section 3.1. 1.6 means the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from elstrada.ocpp.faults import Finding

_RULE = "sense"
_PROFILES = ("chargingProfile", "csChargingProfiles")
_TOKENS = ("idToken", "idTag")

Object = Mapping[str, Any]
_NONE: Object = {}


def senseless(action: str, document: Object) -> tuple[Finding, ...]:
    """What is wrong with a request that conforms to its schema, if anything."""
    findings = [*_periods(document)]
    if action == "SendLocalList":
        findings += _list(document)
    return tuple(findings)


def _periods(document: Object) -> Iterator[Finding]:
    for pointer, schedule in _schedules(document):
        before = -1
        for index, period in enumerate(cast("Sequence[Object]", schedule["chargingSchedulePeriod"])):
            at = f"{pointer}/chargingSchedulePeriod/{index}"
            start: int = period["startPeriod"]
            if index == 0 and start != 0:
                yield Finding(f"{at}/startPeriod", _RULE, f"expected 0 in the first period, came {start}")
            elif start <= before:
                text = f"expected more than the {before} of the period before, came {start}"
                yield Finding(f"{at}/startPeriod", _RULE, text)
            before = start
            if "phaseToUse" in period and period.get("numberPhases") != 1:
                yield Finding(f"{at}/phaseToUse", _RULE, "expected only where numberPhases is 1")


def _schedules(document: Object) -> Iterator[tuple[str, Object]]:
    """Every schedule with its pointer: 1.6 has one in a profile, 2.x a list of them."""
    for name in _PROFILES:
        # GetChargingProfiles calls what it looks for a chargingProfile too.
        profile = cast("Object", document.get(name, _NONE))
        schedules: Object | Sequence[Object] = profile.get("chargingSchedule", ())
        if isinstance(schedules, Mapping):
            yield f"/{name}/chargingSchedule", schedules
            continue
        for index, schedule in enumerate(schedules):
            yield f"/{name}/chargingSchedule/{index}", schedule


def _list(document: Object) -> Iterator[Finding]:
    number: int = document.get("versionNumber", document.get("listVersion", 0))
    if number <= 0:
        name = "versionNumber" if "versionNumber" in document else "listVersion"
        yield Finding(
            f"/{name}", _RULE, f"expected more than 0, which says that there is no list, came {number}"
        )
    seen: set[str] = set()
    for index, entry in enumerate(cast("Sequence[Object]", document.get("localAuthorizationList", ()))):
        token = str([entry.get(name) for name in _TOKENS]).casefold()
        if token in seen:
            yield Finding(
                f"/localAuthorizationList/{index}", _RULE, "expected each token once; it is there before"
            )
        seen.add(token)

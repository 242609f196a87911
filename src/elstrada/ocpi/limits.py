"""The standard's limits on the structs of all versions, and the rules that tie fields together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

import msgspec

from elstrada.ocpi.findings import Checks, Finding, Limits, checks, examine, is_clean
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.v211 import cdrs as cdrs_211
from elstrada.ocpi.v211 import sessions as sessions_211
from elstrada.ocpi.v211.limits import LIMITS as V211
from elstrada.ocpi.v221 import cdrs, commands, locations
from elstrada.ocpi.v221.limits import LIMITS as V221
from elstrada.ocpi.v230.limits import LIMITS as V230

LIMITS: Mapping[type[msgspec.Struct], Limits] = {**V211, **V221, **V230}
"""Where versions have different limits they have different structs."""


def validate(struct: msgspec.Struct) -> tuple[Finding, ...]:
    """Where a wire struct is not as its version of OCPI demands, however leniently it was read."""
    told = () if is_clean(struct, _checks) else examine(struct, LIMITS)
    return (*told, *_sense(struct), *_used(struct))


@cache
def _checks(kind: type[msgspec.Struct]) -> Checks:
    return checks(kind, LIMITS)


def _sense(struct: msgspec.Struct) -> Iterator[Finding]:
    """Rules that tie fields together."""
    match struct:
        case cdrs.CdrOf(credit=True, credit_reference_id=None):
            yield Finding("/credit_reference_id", "SENSE", "a credit CDR names the CDR it credits (R-42)")
        case cdrs.CdrOf(start_date_time=start, end_date_time=end) if end.at < start.at:
            yield Finding("/end_date_time", "SENSE", "the end is before the start")
        case cdrs_211.Cdr(start_date_time=start, stop_date_time=Instant() as end) if end.at < start.at:
            yield Finding("/stop_date_time", "SENSE", "the end is before the start")
        case commands.StartSession(evse_uid=None, connector_id=str()):
            yield Finding("/evse_uid", "SENSE", "required when connector_id is set")
        case locations.LocationOf(publish=True, publish_allowed_to=tokens_) if tokens_:
            yield Finding("/publish_allowed_to", "SENSE", "only allowed when publish is false (R-39)")
        case _:
            pass


def _used(struct: msgspec.Struct) -> Iterator[Finding]:
    """A session or CDR of 2.1.1 holds its location with the one EVSE and connector that were used."""
    if not isinstance(struct, cdrs_211.Cdr | sessions_211.Session):
        return
    evses = struct.location.evses
    if len(evses) != 1:
        yield Finding("/location/evses", "SENSE", f"{len(evses)} EVSEs; expected the one that was used")
    elif len(evses[0].connectors) != 1:
        found = len(evses[0].connectors)
        yield Finding("/location/evses/0/connectors", "SENSE", f"{found} connectors; expected the one used")

"""All limits of 2.2.1 in one table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from elstrada.ocpi.findings import Finding, Limits, examine
from elstrada.ocpi.v221 import cdrs, commands, common, credentials, locations, sessions, tariffs, tokens

LIMITS: Mapping[type[msgspec.Struct], Limits] = {
    **common.LIMITS,
    **credentials.LIMITS,
    **locations.LIMITS,
    **tariffs.LIMITS,
    **tokens.LIMITS,
    **sessions.LIMITS,
    **cdrs.LIMITS,
    **commands.LIMITS,
}


def validate(struct: msgspec.Struct) -> tuple[Finding, ...]:
    """Where a wire struct is not as OCPI 2.2.1 demands, however leniently it was read."""
    return (*examine(struct, LIMITS), *_sense(struct))


def _sense(struct: msgspec.Struct) -> Iterator[Finding]:
    """Rules that tie fields together."""
    match struct:
        case cdrs.Cdr(credit=True, credit_reference_id=None):
            yield Finding("/credit_reference_id", "SENSE", "a credit CDR names the CDR it credits (R-42)")
        case cdrs.Cdr(start_date_time=start, end_date_time=end) if end.at < start.at:
            yield Finding("/end_date_time", "SENSE", "the end is before the start")
        case commands.StartSession(evse_uid=None, connector_id=str()):
            yield Finding("/evse_uid", "SENSE", "required when connector_id is set")
        case locations.Location(publish=True, publish_allowed_to=tokens_) if tokens_:
            yield Finding("/publish_allowed_to", "SENSE", "only allowed when publish is false (R-39)")
        case _:
            pass

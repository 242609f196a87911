"""All limits of 2.2.1 in one table."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from elstrada.ocpi.findings import Limits
from elstrada.ocpi.v221 import (
    cdrs,
    commands,
    common,
    credentials,
    hubclientinfo,
    locations,
    profiles,
    sessions,
    tariffs,
    tokens,
)

LIMITS: Mapping[type[msgspec.Struct], Limits] = {
    **common.LIMITS,
    **credentials.LIMITS,
    **locations.LIMITS,
    **tariffs.LIMITS,
    **tokens.LIMITS,
    **sessions.LIMITS,
    **cdrs.LIMITS,
    **commands.LIMITS,
    **profiles.LIMITS,
    **hubclientinfo.LIMITS,
}

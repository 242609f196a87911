"""Sessions as they go on. Source: OCPI 2.3.0 mod_sessions."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from elstrada.ocpi.findings import Limits
from elstrada.ocpi.v221 import sessions as v221
from elstrada.ocpi.v230.common import Price


class Session(v221.SessionOf[Price], frozen=True, omit_defaults=True, kw_only=True):
    pass


LIMITS: Mapping[type[msgspec.Struct], Limits] = {Session: v221.SESSION}

"""Charge detail records. Source: OCPI 2.3.0 mod_cdrs."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from elstrada.ocpi.findings import Limits
from elstrada.ocpi.v221 import cdrs as v221
from elstrada.ocpi.v230.common import Price
from elstrada.ocpi.v230.tariffs import Tariff


class Cdr(v221.CdrOf[Price, Tariff], frozen=True, omit_defaults=True, kw_only=True):
    booking_id: str | None = None
    """Of the bookings module."""


LIMITS: Mapping[type[msgspec.Struct], Limits] = {Cdr: v221.CDR.also(booking_id=36)}

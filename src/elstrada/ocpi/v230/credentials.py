"""How two platforms meet. Source: OCPI 2.3.0 credentials."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from elstrada.ocpi.findings import Limits
from elstrada.ocpi.v221 import credentials as v221


class Credentials(v221.Credentials, frozen=True, omit_defaults=True, kw_only=True):
    hub_party_id: str | None = None
    """Country and party in one, of the hub that stands between."""

    __repr__ = v221.Credentials.__repr__


LIMITS: Mapping[type[msgspec.Struct], Limits] = {
    Credentials: v221.LIMITS[v221.Credentials].also(hub_party_id=5),
}

"""How two platforms meet. Source: OCPI 2.1.1 credentials."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from elstrada.ocpi.findings import Limits
from elstrada.ocpi.v211.common import URL, BusinessDetails
from elstrada.ocpi.v221.common import OWNER


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """One party, whose role follows from where it is met."""

    token: str
    """The token the reader of this must show to whoever wrote it."""
    url: str
    """Of the writer's versions."""
    business_details: BusinessDetails
    party_id: str
    country_code: str

    def __repr__(self) -> str:
        return f"Credentials(token=***, url={self.url!r}, party={self.country_code}*{self.party_id})"


LIMITS: Mapping[type[msgspec.Struct], Limits] = {
    Credentials: Limits(lengths=OWNER | {"token": 64, "url": URL})
}

"""How two platforms meet. Source: OCPI 2.2.1 credentials."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from elstrada.model.party import Role
from elstrada.ocpi.findings import Limits
from elstrada.ocpi.v221.common import OWNER, URL, BusinessDetails


class CredentialsRole(msgspec.Struct, frozen=True, kw_only=True):
    role: str
    business_details: BusinessDetails
    party_id: str
    country_code: str


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    token: str
    """The token the reader of this must show to whoever wrote it."""
    url: str
    """Of the writer's versions."""
    roles: tuple[CredentialsRole, ...]

    def __repr__(self) -> str:
        return f"Credentials(token=***, url={self.url!r}, roles={self.roles!r})"


LIMITS: Mapping[type[msgspec.Struct], Limits] = {
    Credentials: Limits(lengths={"token": 64, "url": URL}, filled=frozenset({"roles"})),
    CredentialsRole: Limits(lengths=OWNER, values={"role": frozenset(role.value for role in Role)}),
}

"""How securely a station must come."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.charging.security import demanded
from elstrada.model.party import Role
from elstrada.model.security import SecuredBy, SecurityProfile, StationSecurity
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.lookups import own_party
from elstrada.roles.gateway.securing import secure

_PROFILES = "1: a password; 2: a password by TLS; 3: a certificate."
Profile = Annotated[int, Meta(ge=1, le=3, description=f"Least security profile. {_PROFILES}")]


class SecureStation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Annotated[str, Meta(description="Its identity.")]
    minimum_profile: Profile
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None
    lower: Annotated[bool, Meta(description="It may be less than now.")] = False
    reason: Annotated[
        str, Meta(max_length=200, description="Why, for those who read the log later; no names.")
    ] = ""


class SecureEnd(msgspec.Struct, frozen=True):
    party: str
    station: str
    minimum_profile: int
    proven_profile: int
    """The highest with which it ever spoke to us."""


async def secure_station(desk: Desk, params: SecureStation) -> SecureEnd:
    """Say with which security profile a station must come from its next connection on."""
    owner = (await own_party(desk, params.party, Role.CPO)).id
    minimum = SecurityProfile(params.minimum_profile)

    def change(security: StationSecurity) -> StationSecurity:
        asked = demanded(security, minimum, lower=params.lower)
        if isinstance(asked, str):
            hint = "" if "no way" in asked else "say --lower if that is meant"
            raise Refused(Kind.CONFLICT, f"{params.station}: {asked}", hint, "/minimum_profile")
        return asked

    now = await secure(
        desk.spine, desk.clock, owner, params.station, change, SecuredBy.OPERATOR, params.reason
    )
    if now is None:
        says = f"there is no station {params.station[:48]!r} of {owner}"
        raise Refused(Kind.MISSING, says, "see `elstrada station list`", "/station")
    return SecureEnd(str(owner), params.station, now.minimum, now.proven)


SECURE = Verb(
    "station secure",
    "Say how securely a station must come.",
    SecureStation,
    SecureEnd,
    secure_station,
    note="It holds from the next connection on; change the station first.",
)

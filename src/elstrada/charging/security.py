"""Which security profile is demanded of a station: it rises by itself, and falls by an operator's word only (T4).

Source: OCPP 2.0.1 part 2, A00.FR.002, 005 and A05; OCPP 2.1 part 2, A05 (AllowSecurityProfileDowngrade).
"""

from __future__ import annotations

from msgspec.structs import replace

from elstrada.model.security import SecurityProfile, StationSecurity


def proven(security: StationSecurity, profile: SecurityProfile) -> StationSecurity | None:
    """What is demanded after a station spoke to us with a profile; None: as before.

    Only a profile that is new to the station raises anything. One that an operator has stepped back from
    would else be demanded again by the last connection before the station's own step.
    """
    if profile <= security.proven:
        return None
    return StationSecurity(minimum=max(security.minimum, profile), proven=profile)


def demanded(security: StationSecurity, minimum: SecurityProfile, *, lower: bool) -> StationSecurity | str:
    """What is demanded after an operator has asked for it; or why it is not.

    Args:
        lower: the operator knows that it may be less than now.
    """
    if minimum < security.minimum:
        if minimum is SecurityProfile.BASIC and security.proven > SecurityProfile.BASIC:
            return (
                f"it has come with profile {security.proven}, and from there no way leads back to profile 1"
            )
        if not lower:
            return f"that is less than the profile {security.minimum} that is demanded now"
    return replace(security, minimum=minimum)

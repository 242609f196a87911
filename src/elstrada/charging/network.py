"""Which network profiles a station has, and in which order it tries them.

Source: OCPP 2.0.1 part 2, B09, B10; appendices, OCPPCommCtrlr; 2.1 appendices, NetworkConfiguration.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

import msgspec

from elstrada.model.mirror import Variable
from elstrada.model.network import NetworkProfile
from elstrada.model.security import SecurityProfile, StationSecurity

PRIORITY = "OCPPCommCtrlr/NetworkConfigurationPriority"
ACTIVE = "OCPPCommCtrlr/ActiveNetworkProfile"
COMPONENT = "NetworkConfiguration"
"""Of 2.1, one instance for each slot."""
MOST_SLOTS = 100
"""Of one station; what it tells beyond them is not looked at."""

_TEXTS = {
    "OcppCsmsUrl": "url",
    "OcppInterface": "interface",
    "Identity": "identity",
    "Apn": "apn",
    "VpnServer": "vpn",
}
_NUMBERS = {"SecurityProfile": "security_profile", "MessageTimeout": "timeout_s"}


class Networks(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a station's slots."""

    profiles: Mapping[int, NetworkProfile] = {}
    """By slot: what the station told of it, else what we set."""
    ours: frozenset[int] = frozenset()
    """Slots that we filled."""
    priority: tuple[int, ...] = ()
    """In which order the station tries them; empty: it did not tell."""
    active: int | None = None
    """By which it came, as it says; None: it did not say."""

    @property
    def came_by(self) -> int | None:
        """By which it came, as far as can be told: a station that does not say is taken to have come by its first."""
        return self.active if self.active is not None else next(iter(self.priority), None)

    @property
    def fell_back(self) -> bool:
        """Did it come by another profile than the one that it was to try first?"""
        return self.active is not None and bool(self.priority) and self.active != self.priority[0]


def networks(ours: Iterable[NetworkProfile], variables: Iterable[Variable]) -> Networks:
    """Put together what we set and what the station told.

    Args:
        ours: what was set and accepted.
        variables: of OCPPCommCtrlr and NetworkConfiguration; others do not matter.
    """
    profiles = {one.slot: one for one in ours}
    set_ = frozenset(profiles)
    values = {variable.key: _value(variable) for variable in variables}
    for variable in variables:
        slot = _number(variable.component_instance) if variable.component == COMPONENT else None
        if slot is not None and (slot in profiles or len(profiles) < MOST_SLOTS):
            before = profiles.get(slot, NetworkProfile(slot=slot))
            profiles[slot] = msgspec.structs.replace(before, **_told(variable))
    return Networks(
        profiles=dict(sorted(profiles.items())),
        ours=set_,
        priority=order_of(values.get(PRIORITY) or ""),
        active=_number(values.get(ACTIVE)),
    )


def order_of(text: str) -> tuple[int, ...]:
    """Slots as a station tells them, separated by commas; each once, and what is no number is left out."""
    slots = (_number(one) for one in text.split(",")[:MOST_SLOTS])
    return tuple(dict.fromkeys(slot for slot in slots if slot is not None))


def put_first(known: Networks, slot: int) -> tuple[int, ...]:
    """The order in which a slot comes first and the one that works now next, so that the station falls back to it."""
    works = known.came_by
    following = (() if works is None else (works,)) + known.priority
    return tuple(dict.fromkeys((slot, *following)))


def unfit(url: str, profile: int, security: StationSecurity) -> str:
    """Why a station cannot be sent to this address so; empty: it can.

    Args:
        profile: the security profile with which it shall come there.
        security: what is demanded of it here.
    """
    try:
        told = urlsplit(url)
        host, userinfo = told.hostname, told.username
    except ValueError:
        host, userinfo, told = None, None, None
    if told is None or not host or told.scheme not in ("ws", "wss") or not url.isprintable() or " " in url:
        return "expected an address like wss://csms.example/ocpp"
    if userinfo is not None:
        return "an address holds no user and no password"
    wanted = "ws" if profile == SecurityProfile.BASIC else "wss"
    if told.scheme != wanted:
        return f"with security profile {profile} a station comes by {wanted}://"
    if profile < security.minimum:
        return f"it would lower the security profile to {profile}; at least {security.minimum} is demanded"
    return ""


def _value(variable: Variable) -> str | None:
    return next((one.value for one in variable.attributes if one.type == "Actual"), None)


def _told(variable: Variable) -> dict[str, str | int]:
    """The field of a profile that a variable tells; none of what is a secret."""
    value, name = _value(variable), variable.name
    number = _number(value)
    if value and name in _TEXTS:
        return {_TEXTS[name]: value}
    return {_NUMBERS[name]: number} if name in _NUMBERS and number is not None else {}


def _number(text: str | None) -> int | None:
    told = (text or "").strip()
    return int(told) if told.isascii() and told.isdecimal() and len(told) < 10 else None

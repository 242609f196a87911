"""The verbs on a station's network profiles: how it comes to us, and how else it could (B09, B10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.charging.network import Networks
from elstrada.model.device import Station
from elstrada.model.party import Role
from elstrada.roles.desk.face import Desk, Kind, Part, Refused, Verb
from elstrada.roles.desk.lookups import needed, own_party
from elstrada.roles.desk.shapes import JsonText, Text50, in_one_line
from elstrada.spine import tables as t

Slot = Annotated[int, Meta(ge=0, le=999_999)]


class SetNetwork(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Annotated[str, Meta(description="Its identity.")]
    slot: Annotated[Slot, Meta(description="Of the station; not the one it came by.")]
    url: Annotated[
        Annotated[str, Meta(min_length=1, max_length=2000)] | None,
        Meta(description="Of the server, without the identity; unset: the slot stays as it is."),
    ] = None
    security_profile: Annotated[
        Annotated[int, Meta(ge=1, le=3)] | None, Meta(description="By default that of the slot it came by.")
    ] = None
    interface: Annotated[
        Text50 | None,
        Meta(description="Such as Wired0 or Wireless0; by default that of the slot it came by."),
    ] = None
    timeout_s: Annotated[
        Annotated[int, Meta(ge=1, le=3600)], Meta(description="How long it waits for an answer there.")
    ] = 30
    apn: Annotated[
        JsonText | None, Meta(description="An access point (APNType) as JSON, from @FILE or standard input.")
    ] = None
    vpn: Annotated[
        JsonText | None, Meta(description="A VPN (VPNType) as JSON, from @FILE or standard input.")
    ] = None
    first: Annotated[
        bool, Meta(description="Try this slot first, and then the one it came by, from its next boot on.")
    ] = False
    reset: Annotated[bool, Meta(description="With --first: reboot it as soon as no session runs.")] = False
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None
    deadline_s: Annotated[
        Annotated[int, Meta(ge=1, le=300)] | None,
        Meta(description="How long to wait for each answer; by default limits.command_s."),
    ] = None


class ListNetworks(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Annotated[str, Meta(description="Its identity.")]
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None


class NetworkLine(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a slot."""

    slot: int
    place: int | None
    """In the order in which the station tries them, from 1; None: it does not, or did not say."""
    active: bool
    """Did it come by this one when it was asked last?"""
    ours: bool
    """Did we fill it?"""
    url: str | None
    interface: str | None
    security_profile: int | None
    timeout_s: int | None
    identity: str | None
    apn: str | None
    vpn: str | None


class NetworkEnd(msgspec.Struct, frozen=True, kw_only=True):
    station: str
    slot: int
    stored: bool
    """Was a profile put into the slot?"""
    priority: tuple[int, ...]
    """The order in which the station tries its slots from its next boot on; empty: unchanged."""
    reboot: str
    """NEEDED, what a Reset was answered with, or empty: none is needed."""
    networks: tuple[NetworkLine, ...]


async def set_network(desk: Desk, params: SetNetwork) -> NetworkEnd:
    """Put a profile into a slot, and have the station try it first; the one that works stays as it is."""
    if params.url is None and not params.first:
        raise Refused(Kind.USAGE, "expected --url, --first, or both", pointer="/url")
    if params.reset and not params.first:
        raise Refused(Kind.USAGE, "--reset goes with --first", pointer="/reset")
    # The messages of three versions take a tenth of a second to load, which other verbs are spared.
    from elstrada.roles.desk.networking import network_set

    return await network_set(desk, params)


async def list_networks(desk: Desk, params: ListNetworks) -> tuple[NetworkLine, ...]:
    """What is known of a station's slots; nobody is asked."""
    from elstrada.roles.networks import networks_of

    owner = (await own_party(desk, params.party, Role.CPO)).id
    await station_of(desk, str(owner), params.station)
    return lines_of(await networks_of(desk.spine, str(owner), params.station))


async def station_of(desk: Desk, owner: str, station_id: str) -> Station:
    """The record of a station of ours."""
    what = f"station {station_id[:48]!r} of {owner}"
    key = {"owner": owner, "station_id": station_id}
    row = await needed(desk, t.station, what, "see `elstrada station list`", **key)
    return msgspec.json.decode(str(row["document"]), type=Station)


def lines_of(known: Networks) -> tuple[NetworkLine, ...]:
    """A line for each slot."""
    slots = dict.fromkeys(
        (*known.profiles, *known.priority, *(() if known.active is None else (known.active,)))
    )
    return tuple(_line(known, slot) for slot in sorted(slots))


def _line(known: Networks, slot: int) -> NetworkLine:
    profile = known.profiles.get(slot)
    told = {} if profile is None else msgspec.structs.asdict(profile)
    place = known.priority.index(slot) + 1 if slot in known.priority else None
    fields = {name: told.get(name) for name in NetworkLine.__struct_fields__}
    return NetworkLine(
        **{
            **fields,
            "slot": slot,
            "place": place,
            "active": slot == known.active,
            "ours": slot in known.ours,
        }  # type: ignore[arg-type]  # The fields of a profile, by their names.
    )


# --- for people -------------------------------------------------------------------------------------


def _shown_lines(lines: tuple[NetworkLine, ...]) -> str:
    return "\n".join(in_one_line(_text(line)) for line in lines) or "(nothing told)"


def _text(line: NetworkLine) -> str:
    return f"slot {line.slot}  {', '.join(_parts(line)) or 'nothing known'}"


def _parts(line: NetworkLine) -> Iterator[str]:
    if line.active:
        yield "it came by this one"
    if line.place is not None:
        yield f"tried as number {line.place}"
    if line.url:
        yield line.url
    told = (
        ("security profile", line.security_profile),
        ("interface", line.interface),
        ("timeout", line.timeout_s and f"{line.timeout_s} s"),
        ("as", line.identity),
        ("access point", line.apn),
        ("VPN", line.vpn),
    )
    yield from (f"{name} {value}" for name, value in told if value is not None)


def _shown(end: NetworkEnd) -> str:
    says = list[str]()
    if end.stored:
        says.append(f"slot {end.slot} is stored; it counts once the station tries it")
    if end.priority:
        order = ", then ".join(str(slot) for slot in end.priority)
        says.append(f"from its next boot on it tries slot {order}")
    if end.reboot == "NEEDED":
        says.append(f"it must boot: `elstrada station command {end.station} RESET`")
    elif end.reboot:
        says.append(f"Reset: {end.reboot}")
    return "\n".join([*says, "", _shown_lines(end.networks)])


NETWORK = Verb(
    "station network",
    "Put a network profile into a slot of a station, and have it try that first.",
    SetNetwork,
    NetworkEnd,
    set_network,
    Part.POST,
    show=_shown,
    arguments=2,
)
NETWORKS = Verb(
    "station networks",
    "List by which network profiles a station can come, as far as known.",
    ListNetworks,
    tuple[NetworkLine, ...],
    list_networks,
    show=_shown_lines,
    reads=True,
)

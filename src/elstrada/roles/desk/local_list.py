"""The verb on a station's local authorization list."""

from __future__ import annotations

import asyncio
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from elstrada.model.device import Station
from elstrada.model.locallist import ListRule, ListState
from elstrada.model.party import Role
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.lookups import document, line_of, needed, own_party, party_id
from elstrada.roles.desk.shapes import Text36
from elstrada.roles.desk.table import STARTED_BY
from elstrada.roles.gateway.listing import no_list
from elstrada.spine import tables as t
from elstrada.spine.face import Cell, Put, Row, Work

LOOK_S = 0.2


class Tokens(StrEnum):
    ALL = "ALL"
    """That the station's owner may judge alone."""
    NONE = "NONE"


class LocalList(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Annotated[str, Meta(description="Its identity.")]
    tokens: Annotated[
        Tokens | None, Meta(description="Change what it holds: ALL that we may judge alone, or NONE.")
    ] = None
    issuer: Annotated[
        tuple[str, ...], Meta(description="Change it: only tokens of this party. May be given several times.")
    ] = ()
    group: Annotated[
        tuple[Text36, ...],
        Meta(description="Change it: only tokens of this group. May be given several times."),
    ] = ()
    sync: Annotated[
        bool, Meta(description="Compare it with the station now, and wait until it is in step.")
    ] = False
    full: Annotated[bool, Meta(description="Likewise, and send the whole of it.")] = False
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None
    deadline_s: Annotated[Annotated[int, Meta(ge=1, le=600)], Meta(description="How long to wait.")] = 60


class ListCard(msgspec.Struct, frozen=True, kw_only=True):
    """How a station's list stands."""

    station: str
    holds: str
    """Which tokens it shall hold."""
    state: ListState
    detail: str
    """Why it is not in step."""
    version: int | None
    """That we gave it last, and it took."""
    their_version: int | None
    """That the station told last."""
    entries: int
    left_out: int
    """Tokens for which the station has no room."""
    looked_at: datetime | None
    synced_at: datetime | None


async def local_list(desk: Desk, params: LocalList) -> ListCard:
    """Say what a station's list shall hold, have it brought in step, and tell how it stands."""
    owner = str((await own_party(desk, params.party, Role.CPO)).id)
    what = f"station {params.station[:48]!r} of {owner}"
    key = {"owner": owner, "station_id": params.station}
    record = await needed(desk, t.station, what, "see `elstrada station list`", **key)
    station = msgspec.json.decode(str(record["document"]), type=Station)
    changed = replace(station, local_list=_rule(params, station))
    wait = params.sync or params.full
    if wait and desk.post is None:
        raise Refused(Kind.UNREACHABLE, "a list is brought in step by a running server", STARTED_BY)
    if wait or changed != station:
        row = {**key, "document": document(changed), "changed_at": desk.clock.now()}
        write = Put(t.station, row, expected={"document": record["document"]})
        await _ask(desk, key, "FULL" if params.full else "LOOK", *((write,) if changed != station else ()))
    if wait:
        await _in_step(desk, key, params)
    return card(changed, await desk.spine.get(t.local_list, **key))


def card(station: Station, row: Row | None) -> ListCard:
    """How the list of a station stands, by its record."""
    known = row or no_list(str(station.owner), station.id)
    told = {"station": station.id, "holds": _says(station.local_list), "entries": known["count"]}
    return line_of(ListCard, known, **told)


def _rule(params: LocalList, station: Station) -> ListRule | None:
    if params.tokens is Tokens.NONE:
        if params.issuer or params.group:
            raise Refused(Kind.USAGE, "NONE has no issuers and groups", pointer="/tokens")
        return None
    if params.tokens is None and not params.issuer and not params.group:
        return station.local_list
    issuers = tuple(party_id(one, pointer="/issuer") for one in params.issuer)
    return ListRule(issuers=issuers, groups=params.group)


def _says(rule: ListRule | None) -> str:
    if rule is None:
        return "none"
    issuers = f" of {', '.join(map(str, rule.issuers))}" if rule.issuers else ""
    groups = f" in {', '.join(rule.groups)}" if rule.groups else ""
    return f"all{issuers}{groups}"


async def _ask(desk: Desk, key: dict[str, str], wish: str, *writes: Put) -> None:
    """Have the gateway that holds the station see to its list, now or once it comes."""
    row: dict[str, Cell] = {**key, "asked": wish}
    if await desk.spine.get(t.local_list, **key) is None:
        row = {**no_list(key["owner"], key["station_id"]), "asked": wish}
    await desk.spine.commit(Work(writes=(*writes, Put(t.local_list, row))))


async def _in_step(desk: Desk, key: dict[str, str], params: LocalList) -> None:
    """Wait until the station's gateway has looked, which it may have been about to end when it was asked."""
    since = desk.clock.now()
    for _ in range(int(params.deadline_s / LOOK_S)):
        row = await desk.spine.get(t.local_list, **key)
        assert row is not None, "it was asked for"
        looked_at = row["looked_at"]
        if row["asked"] is None and isinstance(looked_at, datetime) and looked_at >= since:
            if row["state"] == ListState.IN_STEP.value:
                return
            says = f"{params.station}: {row['detail']}"
            raise Refused(Kind.REFUSED, says, "see `elstrada station show`")
        if row["asked"] is None:
            await _ask(desk, key, "FULL" if params.full else "LOOK")
        await asyncio.sleep(LOOK_S)
    state = await desk.spine.get(t.station_state, **key)
    away = "" if state is not None and state["connection_id"] is not None else ": it is not connected"
    says = f"the list of {params.station} was not brought in step in {params.deadline_s} s{away}"
    raise Refused(Kind.UNREACHABLE, says, "it is seen to at its next connection")


LOCAL_LIST = Verb(
    "station whitelist",
    "Say which tokens a station may judge by itself, and show how its list stands.",
    LocalList,
    ListCard,
    local_list,
)

"""How to reach a station from any node: ask the log who holds its socket, then that node."""

from __future__ import annotations

from elstrada.model.asks import Command
from elstrada.model.ids import PartyId, station_address
from elstrada.spine import tables as t
from elstrada.spine.face import Spine
from elstrada.spine.post import Letter, NobodyThere, Post

_MOST_MOVES = 3
"""How often a station is followed that connects elsewhere while it is being reached."""


async def where_is(spine: Spine, owner: PartyId, station_id: str) -> str | None:
    """The post address of the one socket that speaks for a station; None while it is away."""
    row = await spine.get(t.station_state, owner=str(owner), station_id=station_id)
    if row is None or row["connection_id"] is None or row["node"] is None:
        return None
    return station_address(str(row["node"]), owner, station_id, str(row["connection_id"]))


async def command(
    spine: Spine, post: Post, owner: PartyId, station_id: str, ask: Command, *, timeout_s: float
) -> Letter:
    """Give a station a command, whichever node holds it, and wait for how it ended.

    Only the owner's socket is asked: another connection has another address (T2). A command that was
    not taken there is asked again where the station is now; one that may have been is not (P5).

    Raises:
        NobodyThere: the station is not connected; nothing was done.
        NoReply: its node gave no answer in time; it may or may not have been done.
    """
    asked = ""
    for _ in range(_MOST_MOVES):
        address = await where_is(spine, owner, station_id)
        if address is None or address == asked:
            break
        asked = address
        try:
            return await post.ask(address, ask, timeout_s=timeout_s)
        except NobodyThere:
            continue
    raise NobodyThere(f"station {owner}/{station_id} is not connected")

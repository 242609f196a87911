"""How long a station waits for the car after it accepted a remote start, by what it told of itself (rule 33)."""

from __future__ import annotations

from elstrada.charging.state import REMOTE_START_WAIT
from elstrada.model.ids import PartyId
from elstrada.roles.mirrored import told
from elstrada.spine.face import Spine

MARGIN_S = 60
"""For the way of the news, and for clocks."""
_KEYS = ("ConnectionTimeOut", "TxCtrlr/EVConnectionTimeOut")
"""Of 1.6 and of 2.x, in seconds."""
_LONGEST_S = int(REMOTE_START_WAIT.total_seconds())


async def start_wait_s(spine: Spine, owner: PartyId, station_id: str, margin_s: int = MARGIN_S) -> int:
    """After how many seconds nothing more is to be expected; ``REMOTE_START_WAIT`` at most, and if it did not tell."""
    said = await told(spine, owner, station_id, *_KEYS)
    seconds = [
        int(value) for value in said.values() if value.isascii() and value.isdecimal() and len(value) < 9
    ]
    waits = [second for second in seconds if second > 0]
    return min(max(waits) + margin_s, _LONGEST_S) if waits else _LONGEST_S

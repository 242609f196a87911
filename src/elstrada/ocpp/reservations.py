"""What a station's answer about a reservation means; all versions have the same words."""

from __future__ import annotations

from collections.abc import Mapping

from elstrada.model.device import CommandResult

RESERVED: Mapping[str, CommandResult] = {
    "Accepted": CommandResult.ACCEPTED,
    "Faulted": CommandResult.INOPERATIVE,
    "Occupied": CommandResult.OCCUPIED,
    "Rejected": CommandResult.REJECTED,
    "Unavailable": CommandResult.INOPERATIVE,
}
UNRESERVED: Mapping[str, CommandResult] = {
    "Accepted": CommandResult.ACCEPTED,
    # 1.6 §5.1, H02: it keeps no reservation of this number.
    "Rejected": CommandResult.UNKNOWN,
}

"""What a session's meter lacks (rule 27). Energy is never reckoned from power: what no register told is not billed."""

from __future__ import annotations

from datetime import timedelta

from elstrada.charging.state import SessionState
from elstrada.model.metering import MeterLack, RegisterTurn, TurnKind

LONG = timedelta(minutes=30)
"""Stations tell their registers every quarter of an hour at least (1.6 §5.2 with usual intervals)."""
NOT_NOTHING = timedelta(minutes=5)
"""In a shorter session a register that counts each session from 0 may well have stood there."""


def lacks(session: SessionState) -> tuple[MeterLack, ...]:
    """What is missing of an ended session; what its station never told at all is not its meter's lack."""
    assert session.ended_at is not None, "it has ended"
    length = session.ended_at - (session.started_at or session.first_wh_at or session.ended_at)
    registers = (
        session.meter_start_wh,
        session.first_wh,
        session.last_wh,
        session.rise_wh,
        session.meter_stop_wh,
    )
    known = [wh for wh in registers if wh is not None]
    if session.by_intervals:
        return (MeterLack.INTERVALS_ONLY,)
    if not known or (max(known) == 0 and length >= NOT_NOTHING):
        return (MeterLack.POWER_ONLY if session.told.power else MeterLack.NO_REGISTER,)
    found = {
        MeterLack.NO_BEGIN: session.started_at is not None and session.meter_start_wh is None,
        MeterLack.NO_END: session.presumed is None and session.meter_stop_wh is None,
        MeterLack.NONE_WITHIN: length >= LONG and not session.told.within,
    }
    return tuple(lack for lack, is_so in found.items() if is_so)


def notes(found: tuple[MeterLack, ...]) -> list[str]:
    """What a completion says of it, each a sentence."""
    if MeterLack.POWER_ONLY in found:
        return ["Its station told power, but no register above 0: no energy is counted."]
    if MeterLack.INTERVALS_ONLY in found:
        return ["Its station told no register above 0: the energy of its intervals is added."]
    if MeterLack.NO_REGISTER in found:
        return ["Its station told no register above 0: no energy is counted."]
    return []


def note_on(turn: RegisterTurn) -> str:
    """What a completion says of a register that fell and went on."""
    if turn.kind is TurnKind.ROLLOVER:
        return f"The register passed {turn.from_wh} Wh and began again at 0: the energy counts over it."
    return (
        f"The register fell from {turn.from_wh} to {turn.to_wh} Wh and went on: what it counted before and "
        "after is added."
    )

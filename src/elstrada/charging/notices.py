"""Notices of a station: each is recorded once, however often it comes."""

from __future__ import annotations

from elstrada.charging import reserve
from elstrada.charging.authorize import called_off
from elstrada.charging.decision import Decision
from elstrada.charging.state import StationState, notice_key
from elstrada.model import answers
from elstrada.model import facts as f
from elstrada.model.asks import GiveNotice


def note(state: StationState, ask: GiveNotice) -> Decision:
    """A station tells of itself; that a payment was called off ends what it was good for (2.1 C19)."""
    name, key = notice_key(ask.notice)
    over = reserve.told(state, ask.notice)
    if state.heard.get(name) == key:
        return Decision(answers.Noted(), over)
    ends = () if ask.token is None else (called_off(ask.token),)
    return Decision(answers.Noted(), (f.StationNoticed(ask.notice), *ends, *over))

"""How a virtual station behaves, well or as real station software does. Source: reference, OCPP section 6."""

from __future__ import annotations

import msgspec

from elstrada.sim.station_clock import ClockHabit
from elstrada.sim.vices import NONE, Vices


class Habits(msgspec.Struct, frozen=True, kw_only=True):
    """A station's character. The defaults are those of an honest one."""

    clock: ClockHabit = ClockHabit.RIGHT
    sample_every_s: float = 60.0
    patience_s: float = 20.0
    """How long it waits for a reply before it gives up the line. Real seconds."""
    back_off_s: tuple[float, float] = (2.0, 20.0)
    heartbeat_s: float = 300.0
    new_id_on_resend: bool = False
    """A message sent again carries a new message id (rule 13)."""
    repeats: float = 0.0
    """Part of the acknowledged messages that it sends again all the same."""
    keeps_refused: bool = True
    """Sends a message again that was answered with an error; many stations discard it (MicroOcpp#316)."""
    boots_on_reconnect: bool = False
    """Rule 4: this closes nothing."""
    starts_offline: bool = True
    """Lets unknown tokens charge while the line is down."""
    stops_refused: bool = True
    """Ends a session whose token is refused afterwards."""
    sends_data_with_stop: bool = False
    """1.6: puts its samples into StopTransaction again."""
    forgets_transaction: bool = False
    """1.6: after a power cut it knows its transaction no more, and says -1 (rule 17)."""
    forgets_to_name_transaction: bool = False
    """1.6: MeterValues without transactionId (rule 24)."""
    make: tuple[str, str] = ("Elstrada", "Virtual 16")
    """1.6: vendor and model that it says it is, by which its quirks are known."""
    wall_clock: str = ""
    """1.6: the zone whose time it tells, without saying so (rule 22); empty: it tells UTC."""
    reorders: bool = False
    """2.x: sends what waits in any order."""
    seq_always_zero: bool = False
    """2.x: does not count its events."""
    cable_first: bool = False
    """2.x: the transaction begins with the plug, the token comes later."""
    drops_updates: bool = False
    """2.x: short of memory, it drops updates while offline (E04.FR.07)."""
    vices: Vices = NONE


HONEST = Habits()

"""Verbs on what a session's driver may: be in a hurry, and give energy back (OCPP 2.1)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.roles.desk.calling import ask_station
from elstrada.roles.desk.commands import CommandEnd
from elstrada.roles.desk.face import Desk, Kind, Part, Refused, Verb
from elstrada.roles.desk.session_energy import OurParty, OurSession, running_session


class HurrySession(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    session: OurSession
    off: Annotated[bool, Meta(description="No longer.")] = False
    party: OurParty = None


async def hurry_session(desk: Desk, params: HurrySession) -> CommandEnd:
    """Have a station charge by its profile of priority instead of the session's own (K21)."""
    owner, row = await running_session(desk, params.session, params.party)
    fields = {"transactionId": str(row["transaction_id"]), "activate": not params.off}
    return await ask_station(desk, owner, str(row["station_id"]), "UsePriorityCharging", fields)


class AllowSession(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    session: OurSession
    transfer: Annotated[
        tuple[str, ...],
        Meta(description="A way of energy transfer, such as AC_three_phase or DC_BPT; repeat."),
    ] = ()
    party: OurParty = None


async def allow_session(desk: Desk, params: AllowSession) -> CommandEnd:
    """Tell a station which ways of energy transfer a session may have (block Q)."""
    transfer = known_transfers(params.transfer, at_least=1)
    owner, row = await running_session(desk, params.session, params.party)
    fields = {
        "transactionId": str(row["transaction_id"]),
        "allowedEnergyTransfer": list(transfer),
    }
    return await ask_station(desk, owner, str(row["station_id"]), "NotifyAllowedEnergyTransfer", fields)


def known_transfers(named: tuple[str, ...], *, at_least: int = 0) -> tuple[str, ...]:
    """Ways of energy transfer in OCPP's words, each once.

    Raises:
        Refused: one is none, or they are too few.
    """
    from elstrada.ocpp.v21.messages import EnergyTransferModeEnumType  # It takes a tenth of a second to load.

    known = [mode.value for mode in EnergyTransferModeEnumType]
    strange = [one for one in named if one not in known]
    if strange or len(named) < at_least:
        got = f", got {strange[0][:40]!r}" if strange else ""
        raise Refused(Kind.USAGE, f"expected some of {', '.join(known)}{got}", pointer="/transfer")
    return tuple(dict.fromkeys(named))


HURRY = Verb(
    "session hurry",
    "Give a session priority, by the profile that its station has for it (OCPP 2.1).",
    HurrySession,
    CommandEnd,
    hurry_session,
    Part.POST,
)
ALLOW = Verb(
    "session allow",
    "Say which ways of energy transfer a session may have, giving back among them (OCPP 2.1).",
    AllowSession,
    CommandEnd,
    allow_session,
    Part.POST,
)

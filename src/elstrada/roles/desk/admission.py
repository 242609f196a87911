"""Whether a station may work with us, by an operator's word."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.admission import Admission, AdmittedBy, StationAdmission
from elstrada.model.asks import Command
from elstrada.model.device import CommandName, CommandResult
from elstrada.model.ids import PartyId
from elstrada.model.party import Role
from elstrada.roles.desk.commands import given
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.lookups import own_party
from elstrada.roles.gateway.admitting import admit


class Word(StrEnum):
    """What an operator may say."""

    ACCEPTED = "ACCEPTED"
    PENDING = "PENDING"
    REJECTED = "REJECTED"
    RULE = "RULE"
    """As ``stations.onboarding`` has it, as if nobody had said anything."""


class AdmitStation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    station: Annotated[str, Meta(description="Its identity.")]
    word: Annotated[
        Word, Meta(description="What its BootNotification is answered; RULE: as stations.onboarding says.")
    ]
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None
    reason: Annotated[
        str, Meta(max_length=200, description="Why, for those who read the log later; no names.")
    ] = ""


class AdmitEnd(msgspec.Struct, frozen=True):
    party: str
    station: str
    admission: Admission
    by: AdmittedBy
    told: str
    """What it answered when it was asked to boot anew; empty: it was not asked, and learns it when it boots."""


async def admit_station(desk: Desk, params: AdmitStation) -> AdmitEnd:
    """Say whether a station may work with us, and have one that waits for it ask again."""
    owner = (await own_party(desk, params.party, Role.CPO)).id
    waited = False

    def change(admission: StationAdmission) -> StationAdmission:
        nonlocal waited
        waited = admission.state is not Admission.ACCEPTED
        if params.word is Word.RULE:
            return StationAdmission()
        return StationAdmission(state=Admission(params.word), by=AdmittedBy.OPERATOR, reason=params.reason)

    now = await admit(desk.spine, desk.clock, owner, params.station, change)
    if now is None:
        says = f"there is no station {params.station[:48]!r} of {owner}"
        raise Refused(Kind.MISSING, says, "see `elstrada station list`", "/station")
    told = ""
    if waited and now.state is Admission.ACCEPTED and desk.post is not None:
        told = await _asked_to_boot(desk, owner, params.station)
    return AdmitEnd(str(owner), params.station, now.state, now.by, told)


async def _asked_to_boot(desk: Desk, owner: PartyId, station: str) -> str:
    """Have it ask again at once. One that is rejected is told nothing, and asks by itself (B03.FR.03)."""
    command = Command(
        command_id=desk.chance.uuid(),
        name=CommandName.TRIGGER,
        asked_by=owner,
        message="BootNotification",
        deadline_s=desk.waits.command_s,
        asked_at=desk.clock.now(),
    )
    answer = await given(desk, station, command)
    if answer.result is CommandResult.OFFLINE:
        return ""
    return f"{answer.result.value} ({answer.detail})" if answer.detail else answer.result.value


ADMIT = Verb(
    "station admit",
    "Say whether a station may work with us.",
    AdmitStation,
    AdmitEnd,
    admit_station,
    note="A station that is at work learns it when it boots next: `elstrada station command STATION RESET`.",
    arguments=2,
)

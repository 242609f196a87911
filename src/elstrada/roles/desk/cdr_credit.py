"""Verbs that take a CDR of ours back, and put another in its place."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from elstrada.model.ids import PartyId
from elstrada.model.party import Role
from elstrada.roles.crediting import NotDone, credit, reissue
from elstrada.roles.desk.cdr_found import CdrLine, shown_line
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.lookups import own_party

_Own = Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")]
_By = Annotated[Annotated[str, Meta(min_length=1, max_length=100)], Meta(description="Who decides.")]


class CreditCdr(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    cdr: Annotated[str, Meta(description="Its id; one of ours.")]
    reason: Annotated[
        Annotated[str, Meta(min_length=1, max_length=500)], Meta(description="Why; it is kept for ever.")
    ]
    by: _By = "operator"
    party: _Own = None


class ReissueCdr(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    cdr: Annotated[str, Meta(description="Its id; one of ours that was credited.")]
    mended_tariff: Annotated[
        bool, Meta(description="Price it by its tariff as it is now, for the tariff was wrong.")
    ] = False
    by: _By = "operator"
    party: _Own = None


async def credit_cdr(desk: Desk, params: CreditCdr) -> CdrLine:
    """Give a CDR back to who pays it, as a whole; the line is that of the credit CDR."""
    owner = await _cpo(desk, params.party)
    try:
        id, work = await credit(
            desk.spine, owner, params.cdr, reason=params.reason, by=params.by, now=desk.clock.now()
        )
    except NotDone as problem:
        raise _refusal(problem) from None
    await desk.spine.commit(work)
    return await shown_line(desk, owner, owner, id)


async def reissue_cdr(desk: Desk, params: ReissueCdr) -> CdrLine:
    """Price the session of a credited CDR anew; the line is that of the new CDR."""
    owner, now = await _cpo(desk, params.party), desk.clock.now()
    try:
        id, work = await reissue(
            desk.spine, owner, params.cdr, by=params.by, now=now, mended_tariff=params.mended_tariff
        )
    except NotDone as problem:
        raise _refusal(problem) from None
    await desk.spine.commit(work)
    return await shown_line(desk, owner, owner, id)


async def _cpo(desk: Desk, named: str | None) -> PartyId:
    return (await own_party(desk, named, Role.CPO)).id


def _refusal(problem: NotDone) -> Refused:
    kind = Kind.MISSING if problem.is_missing else Kind.CONFLICT
    return Refused(kind, str(problem), problem.hint, "/cdr")


VERBS = (
    Verb(
        "cdr credit", "Give a CDR of ours back, as a whole.", CreditCdr, CdrLine, credit_cdr, look="cdr list"
    ),
    Verb("cdr reissue", "Price a credited session anew.", ReissueCdr, CdrLine, reissue_cdr, look="cdr list"),
)

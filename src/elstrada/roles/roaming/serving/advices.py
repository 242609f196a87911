"""Financial advice confirmations: ours for the CPO of the session, a provider's for us to keep (OCPI 2.3.0 payments)."""

from __future__ import annotations

from elstrada.model.ids import PartyId
from elstrada.model.party import Role
from elstrada.model.terminal import AdviceText, key_of
from elstrada.ocpi.codes import Why
from elstrada.ocpi.language import Noun
from elstrada.ocpi.server import Done, Found, Listing, Refusal, Result
from elstrada.roles.roaming.serving.pages import page
from elstrada.roles.roaming.serving.visit import NOT_HERE, Handler, Visit, any_of
from elstrada.roles.roaming.terminal_book import (
    Kept,
    advice_of,
    advice_text,
    checked_id,
    eft_of,
    keep_advice,
)
from elstrada.spine import tables as t
from elstrada.spine.face import Row, Where

BUSY = "it changes too often; try again"


def _words(visit: Visit) -> Noun[AdviceText]:
    words = visit.words.advice
    assert words is not None, f"{visit.version} has no payments"
    return words


# --- ours (sender, as PTP) ----------------------------------------------------------------------------


async def list_advices(visit: Visit) -> Result:
    """A page of what we took for the caller's sessions, in the order we did."""
    where: Where = {
        "owner": visit.owner,
        "party": visit.owner,
        "cpo": any_of(visit.parties(Role.CPO)),
        "updated_at": visit.between(),
    }
    found = await page(visit, t.advice, where, "cpo", ("made_at",))
    if isinstance(found, Refusal):
        return found
    items = tuple([_words(visit).write(await _own(visit, row)).value for row in found.rows])
    return Listing(items, f"{visit.list_url}/financial-advice-confirmations", found.total, found.place)


async def show_advice(visit: Visit) -> Result:
    row = await _row(visit, visit.own.id)
    if row is None or row["cpo"] not in {str(cpo) for cpo in visit.parties(Role.CPO)}:
        return NOT_HERE
    return Found(_words(visit).write(await _own(visit, row)).value)


async def _own(visit: Visit, row: Row) -> AdviceText:
    advice = advice_of(row)
    return AdviceText(advice, await eft_of(visit.means.spine, visit.own.id, advice))


# --- a provider's (receiver, as CPO) ------------------------------------------------------------------


async def post_advice(visit: Visit) -> Result:
    """Keep what a provider says it took for a session that it ordered; of any other it may say nothing."""
    ptp = visit.caller(Role.PTP)
    if ptp is None:
        return NOT_HERE
    told = _words(visit).read(visit.body).value
    checked_id("id", told.advice.id)
    checked_id("authorization_reference", told.advice.authorization_reference)
    if told.advice.total_costs.before_taxes < 0 or (told.advice.total_costs.after_taxes or 0) < 0:
        return Refusal(Why.INVALID, "total_costs: what was taken is not below zero")
    match await keep_advice(visit.means, visit.peer, ptp, told):
        case Kept.UNKNOWN:
            return Refusal(Why.INVALID, "authorization_reference: of no START_SESSION of yours")
        case Kept.OTHER:
            return Refusal(Why.REFUSED, "another authorization is known under this id")
        case Kept.BUSY:
            return Refusal(Why.BUSY, BUSY)
        case kept:
            return Done(created=kept is Kept.NEW)


async def get_advice(visit: Visit) -> Result:
    ptp = visit.caller(Role.PTP)
    row = None if ptp is None else await _row(visit, ptp)
    told = None if row is None else await advice_text(visit.means.spine, row)
    return NOT_HERE if told is None else Found(_words(visit).write(told).value)


async def _row(visit: Visit, party: PartyId) -> Row | None:
    key = {"owner": visit.owner, "party": str(party), "advice_id": key_of(visit.call.path["advice_id"])}
    return await visit.means.spine.get(t.advice, **key)


HANDLERS: dict[str, Handler] = {
    "list_advices": list_advices,
    "show_advice": show_advice,
    "post_advice": post_advice,
    "get_advice": get_advice,
}

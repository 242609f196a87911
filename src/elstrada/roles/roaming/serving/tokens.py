"""Tokens: ours for CPOs to read and to ask about, theirs for us to keep."""

from __future__ import annotations

import contextlib
from datetime import date, timedelta

import msgspec

from elstrada.model.invoice import Contract
from elstrada.model.location import Location
from elstrada.model.party import Role
from elstrada.model.token import Allowed, Token
from elstrada.ocpi.body import Object
from elstrada.ocpi.codes import Why
from elstrada.ocpi.language import Authorized
from elstrada.ocpi.patch import changes_identity, is_older, patch_time
from elstrada.ocpi.server import Done, Found, Listing, Refusal, Result
from elstrada.ocpi.surplus import patched_surplus, surplus_of
from elstrada.ocpi.v221 import tokens as wire
from elstrada.roaming.visibility import may_see_tokens
from elstrada.roles.retail_days import today
from elstrada.roles.roaming.any_case import row_of
from elstrada.roles.roaming.holders import TwoContracts, token_puts, token_row_of
from elstrada.roles.roaming.serving.pages import page
from elstrada.roles.roaming.serving.surplus import TOKEN, kept_surplus, surplus_writes, told
from elstrada.roles.roaming.serving.visit import LONG_AGO, NOT_HERE, Handler, Visit, misplaced, owner_in_path
from elstrada.roles.roaming.stock import location_of, token_of
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Row, RowMoved, Where, Work
from elstrada.tariffs.refusals import UnknownZone
from elstrada.tariffs.usage import ZONE_OF_COUNTRY, zone_named

_TRIES = 5
_MOST_TYPES = 10
"""Tokens of one issuer and uid."""
_BUSY = "the token changes too often; try again"
_A_DAY = timedelta(days=1)
"""By which the day somewhere may be another than in UTC."""

# --- ours (sender, as eMSP) -------------------------------------------------------------------------


async def list_tokens(visit: Visit) -> Result:
    """A page of the tokens we issued, for CPOs only (T21)."""
    if not may_see_tokens(visit.peer):
        return Listing((), visit.list_url)
    where: Where = {
        "owner": visit.owner,
        "party": AnyOf((visit.owner,)),
        "last_updated": visit.between(),
    }
    found = await page(visit, t.token, where, "party", ("uid", "type"))
    if isinstance(found, Refusal):
        return found
    items = tuple(visit.words.token.write(token_of(row)).value for row in found.rows)
    return Listing(items, visit.list_url, found.total, found.place)


async def authorize(visit: Visit) -> Result:
    """May this token charge? Decided now, from what we know now."""
    named = (visit.call.query.get(name) for name in visit.words.authorizing.parameters)
    kind = next((kind for kind in named if kind is not None), wire.DEFAULT_TYPE)
    if not may_see_tokens(visit.peer):
        return _unknown(visit)
    token = await _meant(visit, visit.call.path["token_uid"], kind)
    if token is None:
        return _unknown(visit)
    contract = await _contract(visit, token)
    allowed = await _allowed(visit, token, contract)
    if allowed is Allowed.ALLOWED and contract is not None and contract.is_restricted:
        place = await _place(visit)
        if isinstance(place, Refusal):
            return place
        if not contract.is_good_at(place.party, place.id, place.country):
            allowed = Allowed.NOT_ALLOWED
    reference = visit.means.chance.uuid() if allowed is Allowed.ALLOWED else None
    answer = Authorized(allowed.value, token, reference)
    return Found(visit.words.authorizing.write(answer, visit.call.body))


async def _meant(visit: Visit, uid: str, kind: str) -> Token | None:
    """The token of ours of this uid and type; of a type for which the caller's version has another word, too."""
    exact = await visit.stock.token(visit.own.id, uid, kind)
    if exact is not None:
        return exact
    where: Where = {"owner": visit.owner, "party": visit.owner, "ref": visit.means.keys.token_ref(uid)}
    rows = await visit.means.spine.find(t.token, where, order=("type",), limit=_MOST_TYPES)
    alike = (row for row in rows if visit.words.authorizing.type_of(str(row["type"])) == kind)
    return next((token_of(row) for row in alike), None)


def _unknown(visit: Visit) -> Refusal:
    """An unknown token is HTTP 404 and OCPI 2004, if there is that code; a known one that may not charge is
    an answer (R-47)."""
    why = Why.UNKNOWN_TOKEN if visit.words.authorizing.knows_no_token else Why.NOT_FOUND
    return Refusal(why, "no such token")


async def _contract(visit: Visit, token: Token) -> Contract | None:
    row = await visit.means.spine.get(t.contract, owner=visit.owner, contract_id=token.contract_id)
    return None if row is None else msgspec.json.decode(str(row["document"]), type=Contract)


async def _place(visit: Visit) -> Location | Refusal:
    """The caller's location that the driver is at, for a contract that is good at some places alone (R-48)."""
    named = _named(visit)
    if named is None:
        return Refusal(
            Why.INCOMPLETE, "location_id: this token may charge at some places alone; say where it is"
        )
    unknown = Refusal(Why.UNKNOWN_LOCATION, "location_id: no such location of yours has been told to us")
    return await _known(visit, named) or unknown


def _named(visit: Visit) -> str | None:
    """The location that the caller says the driver is at."""
    named = visit.call.body
    return (named.location_id or None) if isinstance(named, wire.LocationReferences) else None


async def _known(visit: Visit, location_id: str) -> Location | None:
    """The caller's location of this id."""
    for cpo in sorted(visit.parties(Role.CPO)):
        row = await row_of(visit.means.spine, t.location, visit.own.id, cpo, location_id)
        if row is not None:
            return location_of(row)
    return None


async def _day(visit: Visit) -> date:
    """What day it is where the driver is, as his CDR will have it; where we do not know that, where we are."""
    now, named = visit.means.clock.now(), _named(visit)
    place = None if named is None else await _known(visit, named)
    zone = place and (place.time_zone or ZONE_OF_COUNTRY.get(place.country))
    with contextlib.suppress(UnknownZone):
        if zone:
            return now.astimezone(zone_named(zone)).date()
    return today(visit.own.id, now)


async def _allowed(visit: Visit, token: Token, contract: Contract | None) -> Allowed:
    if not token.valid:
        return Allowed.BLOCKED
    if contract is None:
        return Allowed.NOT_ALLOWED
    now = visit.means.clock.now()
    edges = [edge for edge in (contract.valid_from, contract.valid_to) if edge is not None]
    is_near = any(abs(edge - now.date()) <= _A_DAY for edge in edges)
    day = await _day(visit) if is_near else now.date()
    if day < contract.valid_from:
        return Allowed.NOT_ALLOWED
    expired = contract.valid_to is not None and day > contract.valid_to
    return Allowed.EXPIRED if expired else Allowed.ALLOWED


# --- theirs (receiver, as CPO) ----------------------------------------------------------------------


async def get_token(visit: Visit) -> Result:
    row = await _row(visit, _kind(visit))
    if row is None:
        return NOT_HERE
    token = token_of(row)
    surplus = await kept_surplus(visit, TOKEN, token.party, token.uid, token.type)
    return told(visit.words.token.write(token).value, surplus)


async def put_token(visit: Visit) -> Result:
    token = visit.words.token.read(visit.body, owner_in_path(visit)).value
    owner = token.party
    wrong = misplaced(visit, country_code=owner.country_code, party_id=owner.party_id, token_uid=token.uid)
    if wrong is None and token.type != (_kind(visit) or token.type):
        wrong = Refusal(Why.INVALID, "type of the address (RFID if absent) and of the body differ (R-44)")
    if wrong is not None:
        return wrong
    for _ in range(_TRIES):
        row = await _row(visit, token.type, token.uid)
        if row is not None:
            known = token_of(row)
            if is_older(token.last_updated, known.last_updated, visit.means.clock.now()):
                return Done()  # We know better already.
            token = msgspec.structs.replace(token, uid=known.uid)  # As it was first written.
        try:
            await _store(visit, token, row, surplus_of(visit.call.document, visit.words.token.wire))
        except RowMoved:
            continue
        except TwoContracts as problem:
            return Refusal(Why.INVALID, f"contract_id: {problem}")
        return Done(created=row is None)
    return Refusal(Why.BUSY, _BUSY)


async def patch_token(visit: Visit) -> Result:
    path, patch = visit.call.path, visit.patch(LONG_AGO)
    ids = {"country_code": path["country_code"], "party_id": path["party_id"], "uid": path["token_uid"]}
    name = changes_identity(dict(ids), visit.call.patch)
    kind = _kind(visit)
    if name is not None or (kind is not None and patch.get("type", kind) != kind):
        return Refusal(Why.INVALID, f"{name or 'type'} of the address and of the body differ")
    named = patch.get("type")
    for _ in range(_TRIES):
        row = await _row(visit, kind or (named if isinstance(named, str) else None))
        if row is None:
            return NOT_HERE
        token = token_of(row)
        patch = visit.patch(token.last_updated)
        if is_older(patch_time(patch), token.last_updated, visit.means.clock.now()):
            return Done()  # We know better already.
        try:
            before = await kept_surplus(visit, TOKEN, token.party, token.uid, token.type)
            surplus = patched_surplus(before, visit.call.patch, visit.words.token.wire)
            await _store(visit, visit.words.token.patched(token, patch, token.party), row, surplus)
        except RowMoved:
            continue
        except TwoContracts as problem:
            return Refusal(Why.INVALID, f"contract_id: {problem}")
        return Done()
    return Refusal(Why.BUSY, _BUSY)


async def _store(visit: Visit, token: Token, before: Row | None, surplus: Object) -> None:
    """Keep the token with its surplus, and apart from it whom its pseudonym means."""
    ref = visit.means.keys.token_ref(token.uid)
    expected = None if before is None else {"document": before["document"]}
    writes = await token_puts(visit.means.spine, visit.own.id, token, ref, expected)
    beside = surplus_writes(visit, surplus, TOKEN, token.party, token.uid, token.type)
    await visit.means.spine.commit(Work(writes=(*writes, *beside)))


def _kind(visit: Visit) -> str | None:
    """The type that the address says; None where a version leaves it unsaid, which is not RFID (R-44)."""
    return visit.call.query.get("type", wire.DEFAULT_TYPE if visit.words.typed_addresses else None)


async def _row(visit: Visit, kind: str | None, uid: str | None = None) -> Row | None:
    """The token of the address; of any type if none is said, a card before all else.

    Args:
        uid: as its owner writes it in the token, if there is one to read.
    """
    ref = visit.means.keys.token_ref(uid or visit.call.path["token_uid"])
    return await token_row_of(visit.means.spine, visit.own.id, owner_in_path(visit), ref, kind)


HANDLERS: dict[str, Handler] = {
    "list_tokens": list_tokens,
    "authorize": authorize,
    "get_token": get_token,
    "put_token": put_token,
    "patch_token": patch_token,
}

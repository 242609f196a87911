"""Tokens: ours for CPOs to read and to ask about, theirs for us to keep."""

from __future__ import annotations

import msgspec

from elstrada.model.invoice import Contract
from elstrada.model.token import Allowed, Token
from elstrada.ocpi.body import plain, shape
from elstrada.ocpi.codes import Why
from elstrada.ocpi.patch import changes_identity, merged, patch_time
from elstrada.ocpi.server import Done, Found, Listing, Refusal, Result, body_of
from elstrada.ocpi.v221 import tokens as wire
from elstrada.ocpi.v221 import translate
from elstrada.roaming.visibility import may_see_tokens
from elstrada.roles.roaming.holders import TwoContracts, token_puts
from elstrada.roles.roaming.serving.visit import NOT_HERE, Handler, Visit, misplaced, owner_in_path
from elstrada.roles.roaming.stock import token_of
from elstrada.spine import tables as t
from elstrada.spine.face import Row, RowMoved, Where, Work

_TRIES = 5
_BUSY = "the token changes too often; try again"

# --- ours (sender, as eMSP) -------------------------------------------------------------------------


async def list_tokens(visit: Visit) -> Result:
    """A page of the tokens we issued, for CPOs only (T21)."""
    if not may_see_tokens(visit.peer):
        return Listing((), visit.list_url)
    where: Where = {"owner": visit.owner, "party": visit.owner, "last_updated": visit.between()}
    window = visit.call.window
    assert window is not None
    rows = await visit.means.spine.find(
        t.token, where, order=("uid", "type"), limit=window.limit, offset=window.offset
    )
    items = tuple(translate.token_to_wire(token_of(row)).value for row in rows)
    return Listing(items, visit.list_url, await _count(visit, where))


async def authorize(visit: Visit) -> Result:
    """May this token charge? Decided now, from what we know now."""
    kind = visit.call.query.get("type", wire.DEFAULT_TYPE)
    if not may_see_tokens(visit.peer):
        return _unknown()
    token = await visit.stock.token(visit.own.id, visit.call.path["token_uid"], kind)
    if token is None:
        return _unknown()
    allowed = await _allowed(visit, token)
    info = wire.AuthorizationInfo(
        allowed=allowed.value,
        token=translate.token_to_wire(token).value,
        location=visit.call.body if isinstance(visit.call.body, wire.LocationReferences) else None,
        authorization_reference=visit.means.chance.uuid() if allowed is Allowed.ALLOWED else None,
    )
    return Found(info)


def _unknown() -> Refusal:
    """An unknown token is HTTP 404 and OCPI 2004; a known one that may not charge is an answer (R-47)."""
    return Refusal(Why.UNKNOWN_TOKEN, "no such token")


async def _allowed(visit: Visit, token: Token) -> Allowed:
    if not token.valid:
        return Allowed.BLOCKED
    row = await visit.means.spine.get(t.contract, owner=visit.owner, contract_id=token.contract_id)
    if row is None:
        return Allowed.NOT_ALLOWED
    contract = msgspec.json.decode(str(row["document"]), type=Contract)
    today = visit.means.clock.now().date()
    if today < contract.valid_from:
        return Allowed.NOT_ALLOWED
    expired = contract.valid_to is not None and today > contract.valid_to
    return Allowed.EXPIRED if expired else Allowed.ALLOWED


# --- theirs (receiver, as CPO) ----------------------------------------------------------------------


async def get_token(visit: Visit) -> Result:
    row = await _row(visit)
    return NOT_HERE if row is None else Found(translate.token_to_wire(token_of(row)).value)


async def put_token(visit: Visit) -> Result:
    put = body_of(visit.call, wire.Token)
    wrong = misplaced(visit, country_code=put.country_code, party_id=put.party_id, token_uid=put.uid)
    if wrong is None and put.type != _kind(visit):
        wrong = Refusal(Why.INVALID, "type of the address (RFID if absent) and of the body differ (R-44)")
    if wrong is not None:
        return wrong
    token = translate.token_from_wire(put).value
    for _ in range(_TRIES):
        row = await _row(visit)
        if row is not None and token.last_updated < token_of(row).last_updated:
            return Done()  # We know better already.
        try:
            await _store(visit, token, row)
        except RowMoved:
            continue
        except TwoContracts as problem:
            return Refusal(Why.INVALID, f"contract_id: {problem}")
        return Done(created=row is None)
    return Refusal(Why.BUSY, _BUSY)


async def patch_token(visit: Visit) -> Result:
    path, patch = visit.call.path, visit.call.patch
    at = patch_time(patch)
    ids = {"country_code": path["country_code"], "party_id": path["party_id"], "uid": path["token_uid"]}
    name = changes_identity(dict(ids), patch)
    if name is not None or patch.get("type", _kind(visit)) != _kind(visit):
        return Refusal(Why.INVALID, f"{name or 'type'} of the address and of the body differ")
    for _ in range(_TRIES):
        row = await _row(visit)
        if row is None:
            return NOT_HERE
        token = token_of(row)
        if at < token.last_updated:
            return Done()  # We know better already.
        document = merged(plain(translate.token_to_wire(token).value), patch)
        try:
            await _store(visit, translate.token_from_wire(shape(document, wire.Token)).value, row)
        except RowMoved:
            continue
        except TwoContracts as problem:
            return Refusal(Why.INVALID, f"contract_id: {problem}")
        return Done()
    return Refusal(Why.BUSY, _BUSY)


async def _store(visit: Visit, token: Token, before: Row | None) -> None:
    """Keep the token, and apart from it whom its pseudonym means."""
    ref = visit.means.keys.token_ref(token.uid)
    expected = None if before is None else {"document": before["document"]}
    writes = await token_puts(visit.means.spine, visit.own.id, token, ref, expected)
    await visit.means.spine.commit(Work(writes=writes))


def _kind(visit: Visit) -> str:
    return visit.call.query.get("type", wire.DEFAULT_TYPE)


async def _row(visit: Visit) -> Row | None:
    return await visit.means.spine.get(
        t.token,
        owner=visit.owner,
        party=str(owner_in_path(visit)),
        uid=visit.call.path["token_uid"],
        type=_kind(visit),
    )


async def _count(visit: Visit, where: Where) -> int:
    counted = await visit.means.spine.count(t.token, where)
    return int(str(counted[0]["count"])) if counted else 0


HANDLERS: dict[str, Handler] = {
    "list_tokens": list_tokens,
    "authorize": authorize,
    "get_token": get_token,
    "put_token": put_token,
    "patch_token": patch_token,
}

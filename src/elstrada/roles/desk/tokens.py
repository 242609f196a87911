"""Verbs on tokens: the cards and apps of our own drivers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from elstrada.model.party import Party, Role
from elstrada.model.token import Block, Token, Whitelist
from elstrada.roaming.news import Kind as News
from elstrada.roles.desk import token_limits, token_rights
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.lookups import needed, own_party
from elstrada.roles.desk.paging import After, Page, owners, page_of
from elstrada.roles.desk.shapes import Count, Language, Text36, Text64
from elstrada.roles.desk.tidings import tidings
from elstrada.roles.roaming.holders import TwoContracts, token_puts, token_row_of
from elstrada.roles.roaming.rows import token_row
from elstrada.spine import tables as t
from elstrada.spine.face import Row, Work

MOST_LISTED = 10_000
MOST_BLOCKS = 50
"""The latest that are kept of a token."""
_SHOWN = 4


class AddToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    uid: Annotated[str, Meta(description="As the card or app presents it, at most 36 characters.")]
    contract: Annotated[Text36, Meta(description="Contract id (eMAID).")]
    party: Annotated[str | None, Meta(description="Our eMSP; needed only if there are several.")] = None
    type: Annotated[str, Meta(pattern=r"^[A-Z_]{1,20}$", description="RFID, APP_USER, EMAID, ...")] = "RFID"
    whitelist: Annotated[
        Whitelist | None,
        Meta(description="May a CPO decide by itself? By default what it has, or ALLOWED."),
    ] = None
    visual_number: Annotated[Text64 | None, Meta(description="As printed on the card.")] = None
    group: Annotated[Text36 | None, Meta(description="Tokens of one group stop one another.")] = None
    language: Annotated[Language | None, Meta(description="ISO 639-1.")] = None
    blocked: Annotated[bool | None, Meta(description="It may not charge.")] = None
    unblock: Annotated[bool, Meta(description="It may charge again.")] = False


class ListTokens(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    party: Annotated[str | None, Meta(description="Whose copy, one of our parties; all by default.")] = None
    contract: Annotated[str | None, Meta(description="Only those of this contract.")] = None
    limit: Annotated[Count, Meta(description="Most lines.")] = MOST_LISTED
    after: After = None


class TokenLine(msgspec.Struct, frozen=True, kw_only=True):
    owner: str
    party: str
    uid: str
    """Its last characters only: a whole uid is as good as the card (T21)."""
    ref: str
    """The pseudonym under which sessions and CDRs know it."""
    group_ref: str | None
    """The pseudonym under which stations are told of its group: as parent, and as MasterPassGroupId."""
    type: str
    contract: str
    valid: bool
    whitelist: Whitelist
    last_updated: datetime


async def add_token(desk: Desk, params: AddToken) -> TokenLine:
    """Add a token of our own, or change it: its key is party, uid and type. What is not named stays as it was."""
    uid = params.uid.strip()
    if not 1 <= len(uid) <= 36 or not uid.isprintable() or not uid.isascii():
        says = f"not a token's uid: {len(uid)} characters; expected 1 to 36 printable ASCII characters"
        raise Refused(Kind.USAGE, says, pointer="/uid")
    if params.blocked and params.unblock:
        raise Refused(Kind.USAGE, "it may charge or it may not", "leave one of the two out", "/unblock")
    party = await own_party(desk, params.party, Role.EMSP)
    if Role.EMSP not in party.roles:
        says = f"{party.id} is no eMSP, and only an eMSP issues tokens"
        raise Refused(Kind.CONFLICT, says, "see `elstrada party list`", "/party")
    await needed(
        desk,
        t.contract,
        f"contract {params.contract!r} of {party.id}",
        "add it with `elstrada contract put`",
        owner=str(party.id),
        contract_id=params.contract,
    )
    ref = desk.keys.token_ref(uid)
    row = await token_row_of(desk.spine, party.id, party.id, ref, params.type)
    known = None if row is None else msgspec.json.decode(str(row["document"]), type=Token)
    token = _told(params, uid, party, known, desk.clock.now())
    if token == known:
        return _line(desk, token_row(party.id, token, ref))
    expected: Row = {} if row is None else {"document": row["document"]}
    try:
        puts = await token_puts(desk.spine, party.id, token, ref, expected)
    except TwoContracts as problem:
        hint = "see `elstrada token list`; give the other contract a card or app of its own"
        raise Refused(Kind.CONFLICT, str(problem), hint, "/contract") from None
    marks = await tidings(desk, party.id, News.TOKEN, token.uid, token.type)
    await desk.spine.commit(Work(writes=(*puts, *marks)))
    return _line(desk, token_row(party.id, token, ref))


def _told(params: AddToken, uid: str, party: Party, known: Token | None, now: datetime) -> Token:
    """The token as it is to be; the very one that is known, if nothing changes: it was not updated then."""
    before = known or Token(
        party=party.id,
        uid=uid,
        type=params.type,
        contract_id=params.contract,
        issuer=party.business.name[:64],
        valid=True,
        whitelist=Whitelist.ALLOWED,
        last_updated=now,
    )
    valid = params.unblock or (before.valid if params.blocked is None else not params.blocked)
    token = replace(
        before,
        contract_id=params.contract,
        visual_number=params.visual_number or before.visual_number,
        issuer=party.business.name[:64],
        group_id=params.group or before.group_id,
        valid=valid,
        blocks=_blocks(before, valid, now),
        whitelist=params.whitelist or before.whitelist,
        language=params.language or before.language,
    )
    return token if token == known else replace(token, last_updated=now)


def _blocks(before: Token, valid: bool, now: datetime) -> tuple[Block, ...]:
    """The token's blocks when it may charge from now on, or may not."""
    blocks = before.blocks
    if not before.valid and not blocks:
        blocks = (Block(before.last_updated),)  # From before blocks were kept.
    is_open = bool(blocks) and blocks[-1].until is None
    if valid and is_open:
        blocks = (*blocks[:-1], replace(blocks[-1], until=now))
    elif not valid and not is_open:
        blocks = (*blocks, Block(now))
    return blocks[-MOST_BLOCKS:]


async def list_tokens(desk: Desk, params: ListTokens) -> Page[TokenLine]:
    where: dict[str, str] = {} if params.contract is None else {"contract_id": params.contract}
    wheres = [{**where, "owner": owner} for owner in await owners(desk, params.party)]
    order = ("owner", "contract_id", "party")
    rows = await page_of(desk, t.token, wheres, order, limit=params.limit, after=params.after)
    return rows.lines(lambda row: _line(desk, row))


def _line(desk: Desk, row: Row) -> TokenLine:
    token = msgspec.json.decode(str(row["document"]), type=Token)
    shown = token.uid[-_SHOWN:] if len(token.uid) > 2 * _SHOWN else ""
    return TokenLine(
        owner=str(row["owner"]),
        party=str(token.party),
        uid=f"…{shown}",
        ref=str(row["ref"]),
        group_ref=desk.keys.token_ref(token.group_id) if token.group_id else None,
        type=token.type,
        contract=token.contract_id,
        valid=token.valid,
        whitelist=token.whitelist,
        last_updated=token.last_updated,
    )


VERBS = (
    Verb("token add", "Add or change a token of our own.", AddToken, TokenLine, add_token),
    Verb(
        "token list",
        "List tokens, their uids shortened.",
        ListTokens,
        tuple[TokenLine, ...],
        list_tokens,
        reads=True,
    ),
    *token_limits.VERBS,
    token_rights.ALLOW,
    token_rights.TARIFF,
)

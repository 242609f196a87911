"""Whom a uid means: one issuer's uid stands for one contract, under however many types (R-44).

Facts know a token by its uid's pseudonym alone, so a card and an app of one uid but two contracts
could not be told apart: the one's sessions would be billed to the other. The second is refused.
"""

from __future__ import annotations

import msgspec

from elstrada.model.ids import PartyId
from elstrada.model.token import Token, TokenIdentity
from elstrada.ocpi.v221.tokens import DEFAULT_TYPE
from elstrada.roles.roaming.rows import identity_of, identity_row, token_row
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Row, Spine, Where

_MOST_TYPES = 10
"""Tokens of one issuer and uid."""


class TwoContracts(Exception):
    """A uid would stand for a second contract of its issuer."""

    def __init__(self) -> None:
        super().__init__(
            "this uid is known with another contract_id; expected one contract per uid, for all its types"
        )


async def token_puts(
    spine: Spine, owner: PartyId, token: Token, ref: str, expected: Row | None = None
) -> tuple[Put, ...]:
    """The writes that keep a token, and apart from it whom its pseudonym means.

    A uid is the same in any case, and stays as it was first written (R-22).

    Raises:
        TwoContracts: another token of the uid has another contract.
    """
    known = await token_row_of(spine, owner, token.party, ref, token.type)
    if known is not None:
        token = msgspec.structs.replace(token, uid=str(known["uid"]))
    keep = Put(t.token, token_row(owner, token, ref), expected)
    return (keep, *await identity_puts(spine, owner, token, ref))


async def token_row_of(
    spine: Spine, owner: PartyId, party: PartyId, ref: str, kind: str | None = None
) -> Row | None:
    """The record of an issuer's token, whatever the case in which its uid is written (R-22).

    Args:
        kind: its type; None: of any, a card before all else.
    """
    where: Where = {"owner": str(owner), "party": str(party), "ref": ref}
    if kind is not None:
        where |= {"type": kind}
    rows = await spine.find(t.token, where, order=("type", "uid"), limit=_MOST_TYPES)
    return min(rows, key=lambda row: row["type"] != DEFAULT_TYPE, default=None)


async def identity_puts(spine: Spine, owner: PartyId, token: Token, ref: str) -> tuple[Put, ...]:
    """The write that says whom the pseudonym means; none where it means another type of the same.

    Raises:
        TwoContracts: another token of the uid has another contract.
    """
    rows = await spine.find(t.token, {"owner": str(owner), "party": str(token.party), "ref": ref})
    contracts = {(str(row["uid"]), str(row["type"])): str(row["contract_id"]) for row in rows}
    before = contracts.pop((token.uid, token.type), None)
    # A token that stays with its contract is never refused: it may have to be blocked.
    if before != token.contract_id and any(not _same(other, token) for other in contracts.values()):
        raise TwoContracts
    kept = await kept_identity(spine, owner, ref, token.party)
    if kept is not None and (kept.uid, kept.type) in contracts:
        return ()
    return (Put(t.identity, identity_row(owner, identity_of(token), ref)),)


async def claimed_puts(spine: Spine, owner: PartyId, identity: TokenIdentity, ref: str) -> tuple[Put, ...]:
    """The write of whom a peer's session or CDR says it charged; none where that is known already."""
    kept = await kept_identity(spine, owner, ref, identity.party)
    return () if kept is not None else (Put(t.identity, identity_row(owner, identity, ref)),)


async def token_of_contract(spine: Spine, owner: PartyId, contract_id: str) -> TokenIdentity | None:
    """A token of ours of a contract, for a peer that names no more (2.1.1): always the same of several."""
    where = {"owner": str(owner), "party": str(owner), "contract_id": contract_id}
    rows = await spine.find(t.token, where, order=("uid", "type"), limit=1)
    return identity_of(msgspec.json.decode(str(rows[0]["document"]), type=Token)) if rows else None


def _same(contract_id: str, token: Token) -> bool:
    """OCPI compares contract ids without case."""
    return contract_id.casefold() == token.contract_id.casefold()


async def kept_identity(spine: Spine, owner: PartyId, ref: str, party: PartyId | str) -> TokenIdentity | None:
    """Whom a party means by a uid of this pseudonym; None: it gave out none, or its driver was erased (T28)."""
    row = await spine.get(t.identity, owner=str(owner), ref=ref, party=str(party))
    return None if row is None else msgspec.json.decode(str(row["document"]), type=TokenIdentity)

"""Crediting a CDR of ours, and the one that may take its place. A CDR itself never changes (P4).

Source: OCPI 2.3.0 mod_cdrs, Credit CDRs; A21.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid5

from msgspec.structs import replace

from elstrada.model.cdr import Cdr
from elstrada.model.cost import Cost, Price
from elstrada.model.ids import PartyId

_APPENDED = "-C"
_NAMES = UUID("0b7a4c0e-5d0f-5c11-9a7d-3a2f6d1f8c55")
"""Of the ids of CDRs that take another's place, for ever."""
_MOST_REMARK = 255


def credit_id_of(cdr_id: str) -> str:
    """The id of a CDR's credit: ours have 36 characters at most, a credit may have 39."""
    return cdr_id + _APPENDED


def credit_of(cdr: Cdr, now: datetime) -> Cdr:
    """The credit CDR: the whole of it, with everything as it was and the total cost negative (A21).

    The costs by dimension stay as they were too: only ``total_cost`` is what OCPI makes negative.
    """
    return replace(
        cdr,
        id=credit_id_of(cdr.id),
        credit=True,
        credit_reference_id=cdr.id,
        total_cost=negative(cdr.total_cost),
        last_updated=now,
    )


def credit_cost(cost: Cost, cdr_id: str, reason: str) -> Cost:
    """How the credit's total came about: as that of the CDR it gives back, the other way round."""
    note = f"gives back CDR {cdr_id}: {reason}"
    return Cost(currency=cost.currency, total=negative(cost.total), notes=(note,))


def reissued(cdr: Cdr, in_place_of: Cdr, now: datetime) -> Cdr:
    """A session's CDR priced anew, under an id of its own that says whose place it takes.

    The same credited CDR gives the same id, whoever reissues it: so of two at once one is too late.
    """
    remark = f"in place of CDR {in_place_of.id}" + (f"; {cdr.remark}" if cdr.remark else "")
    return replace(
        cdr,
        id=reissue_id_of(in_place_of.party, in_place_of.id),
        remark=remark[:_MOST_REMARK],
        last_updated=now,
    )


def reissue_id_of(party: PartyId, cdr_id: str) -> str:
    """36 characters."""
    return str(uuid5(_NAMES, f"{party}/{cdr_id}"))


def says_the_same(one: Cdr, other: Cdr) -> bool:
    """Do they differ in nothing but what a new CDR has of its own (V42)?"""
    own = {"id": "", "remark": None, "last_updated": one.last_updated}
    return replace(one, **own) == replace(other, **own)


def negative(price: Price) -> Price:
    """The price given back, with each tax on it."""
    taxes = price.taxes
    if taxes is not None:
        taxes = tuple(replace(tax, amount=-tax.amount) for tax in taxes)
    return Price(-price.before_taxes, taxes)

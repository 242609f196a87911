"""What an invoice covers, held against the CDRs that we hold: what is wrong with it, and what it should come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from elstrada.model.cdr import IN_DOUBT
from elstrada.model.ids import PartyId
from elstrada.model.reconciliation import InvoiceRecord


class HeldCdr(msgspec.Struct, frozen=True, kw_only=True):
    """A CDR of ours or a partner's, as far as an invoice is about it."""

    party: PartyId
    """The CPO."""
    cdr_id: str
    token_party: PartyId | None
    state: str | None
    currency: str
    total_energy: Decimal
    """kWh."""
    before_taxes: Decimal
    after_taxes: Decimal | None
    credits: str | None = None
    """The CDR that it gives back; then its cost is negative, and its energy what that CDR says (A21)."""
    recorded_at: datetime

    @property
    def energy(self) -> Decimal:
        """What it adds to a sum, kWh: a credit takes off what the CDR that it gives back has added."""
        return self.total_energy if self.credits is None else -self.total_energy


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """What CDRs of one currency come to."""

    currency: str
    cdrs: int
    total_energy: Decimal
    """kWh."""
    before_taxes: Decimal
    after_taxes: Decimal | None
    """None: of one of them the tax is not known."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """How a record agrees with the CDRs that we hold."""

    covered: tuple[HeldCdr, ...]
    """Those it lists that are between its two parties, each once."""
    sums: tuple[Sum, ...]
    """Of these."""
    unknown: tuple[str, ...]
    """Listed, and not held by us."""
    foreign: tuple[str, ...]
    """Listed, and between others than the sender and the receiver of the invoice."""
    repeated: tuple[str, ...]
    """Listed more than once."""
    invoiced_twice: tuple[str, ...]
    """Another standing record between the two lists them too."""
    disputed: tuple[str, ...]
    """Listed, and held, rejected or disputed by us."""

    @property
    def agrees(self) -> bool:
        lists = (self.unknown, self.foreign, self.repeated, self.invoiced_twice, self.disputed)
        return not any(lists)


def reconcile(
    record: InvoiceRecord, to_party: PartyId, held: Iterable[HeldCdr], elsewhere: Collection[str]
) -> Report:
    """Hold a record against the CDRs that we hold.

    Args:
        to_party: who got the invoice.
        held: every CDR we hold by an id that the record lists, whoever it is between.
        elsewhere: ids of those that another standing record between the two lists.
    """
    by_id: dict[str, list[HeldCdr]] = {}
    for cdr in held:
        by_id.setdefault(cdr.cdr_id, []).append(cdr)
    meant = dict(_meant(record, to_party, by_id))
    listed = Counter(record.cdrs)
    return Report(
        covered=tuple(meant.values()),
        sums=sums_of(meant.values()),
        unknown=tuple(cdr_id for cdr_id in listed if cdr_id not in by_id),
        foreign=tuple(cdr_id for cdr_id in listed if cdr_id in by_id and cdr_id not in meant),
        repeated=tuple(cdr_id for cdr_id, times in listed.items() if times > 1),
        invoiced_twice=tuple(cdr_id for cdr_id in meant if cdr_id in elsewhere),
        disputed=tuple(cdr_id for cdr_id, cdr in meant.items() if cdr.state in IN_DOUBT),
    )


def is_between(cdr: HeldCdr, sender: PartyId, receiver: PartyId) -> bool:
    """Is a CDR one that these two could invoice each other for: directly, or reversely?"""
    return (cdr.party, cdr.token_party) in ((sender, receiver), (receiver, sender))


def _meant(
    record: InvoiceRecord, to_party: PartyId, by_id: Mapping[str, Sequence[HeldCdr]]
) -> Iterator[tuple[str, HeldCdr]]:
    """The CDR that each listed id means: ids are unique within their CPO alone."""
    for cdr_id in dict.fromkeys(record.cdrs):
        for cdr in by_id.get(cdr_id, ()):
            if is_between(cdr, record.party, to_party):
                yield cdr_id, cdr
                break


def sums_of(cdrs: Iterable[HeldCdr]) -> tuple[Sum, ...]:
    """What CDRs come to, by currency. A credit and the CDR that it gives back add up to nothing."""
    by_currency: dict[str, list[HeldCdr]] = {}
    for cdr in cdrs:
        by_currency.setdefault(cdr.currency, []).append(cdr)
    return tuple(_sum(currency, found) for currency, found in sorted(by_currency.items()))


def _sum(currency: str, cdrs: Sequence[HeldCdr]) -> Sum:
    after = [cdr.after_taxes for cdr in cdrs]
    return Sum(
        currency=currency,
        cdrs=len(cdrs),
        total_energy=sum((cdr.energy for cdr in cdrs), Decimal(0)),
        before_taxes=sum((cdr.before_taxes for cdr in cdrs), Decimal(0)),
        after_taxes=None
        if any(amount is None for amount in after)
        else sum((amount for amount in after if amount is not None), Decimal(0)),
    )

"""How a session that a payment terminal provider ordered stands: what it cost, and what was taken for it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from msgspec.structs import replace

from elstrada.model.cost import Price
from elstrada.model.currencies import payable
from elstrada.model.terminal import Advice, SessionPaid, TerminalSession

Owed = tuple[Decimal, str]
"""What a CDR says, with taxes, and its currency."""
TROUBLES = frozenset({SessionPaid.SHORT, SessionPaid.OVERPAID, SessionPaid.DIFFERS})
"""What an operator should look at; and UNPAID, once the provider has said that it took nothing."""


def whole(price: Price) -> Decimal:
    """An amount with taxes; without any where they are not known."""
    return price.before_taxes if price.after_taxes is None else price.after_taxes


def settled(
    known: TerminalSession, owed: Sequence[Owed], advices: Sequence[Advice]
) -> tuple[TerminalSession, SessionPaid]:
    """The session with all that its CDRs and its provider say.

    Args:
        owed: by each CDR; one reference may have begun a second session after its first start failed.
        advices: each of one capture, whose latest word counts.
    """
    currencies = {currency for _, currency in owed}
    currency = min(currencies, default=None)
    due = sum((amount for amount, _ in owed), Decimal(0)) if owed else None
    foreign = {one.currency for one in advices if one.taken and currencies and one.currency not in currencies}
    captures = [whole(one.total_costs) for one in advices if one.taken and one.currency not in foreign]
    taken = sum(captures, Decimal(0)) if advices else None
    told = replace(known, currency=currency, owed=due, taken=taken)
    if len(currencies) > 1 or foreign:
        said = ", ".join(sorted(foreign or currencies))
        return replace(told, why=f"taken in {said}, and owed in {currency}"), SessionPaid.DIFFERS
    failed = [one.capture_status_message or "the capture failed" for one in advices if not one.taken]
    state = _state(due, taken, currency or "")
    if state is SessionPaid.OVERPAID and due is None:
        return replace(told, why="money was taken, and there is no CDR"), state
    if state in TROUBLES:
        return replace(told, why=f"{due} {currency} are owed, and {taken} were taken"), state
    why = failed[-1] if failed and state in (SessionPaid.UNPAID, SessionPaid.OPEN) else ""
    return replace(told, why=why), state


def is_trouble(session: TerminalSession, state: SessionPaid) -> bool:
    """Must the operator know?"""
    return state in TROUBLES or (state is SessionPaid.UNPAID and session.taken is not None)


def _state(due: Decimal | None, taken: Decimal | None, currency: str) -> SessionPaid:
    if due is None:
        return SessionPaid.OVERPAID if taken else SessionPaid.OPEN
    due = payable(due, currency)
    if due <= 0 and not taken:
        return SessionPaid.PAID
    if not taken:
        return SessionPaid.UNPAID
    if taken == due:
        return SessionPaid.PAID
    return SessionPaid.SHORT if taken < due else SessionPaid.OVERPAID

"""What a station reckoned of a session, held against our own price of it."""

from __future__ import annotations

from decimal import Decimal

from elstrada.model.cost import Cost
from elstrada.model.reckoning import StationCost, StationPrice

TOLERANCE = Decimal("0.01")
"""Amounts that lie closer together differ by rounding only."""


def disagreement(told: StationCost, ours: Cost) -> str | None:
    """How a station's cost departs from ours, as a sentence; None: it does not, as far as it told an amount.

    Whoever stood before the station saw its amount, and the bill says ours: somebody should look.
    """
    if told.failure is not None:
        why = f": {told.failure}" if told.failure else ""
        return f"the station could not reckon the cost{why}"
    if told.currency != ours.currency:
        return f"the station reckons in {told.currency}, our price is in {ours.currency}"
    beside = _beside(told.total, ours)
    if beside is None or abs(beside[0] - beside[1]) < TOLERANCE:
        return None
    theirs, own, taxes = beside
    return f"the station reckoned {theirs:.2f} {told.currency} {taxes}, our price is {own:.2f}"


def _beside(told: StationPrice, ours: Cost) -> tuple[Decimal, Decimal, str] | None:
    """Two amounts that can be held against each other, theirs first; None: there are none such."""
    whole = ours.total.after_taxes
    if told.after_taxes is not None and whole is not None:
        return told.after_taxes, whole, "with taxes"
    if told.before_taxes is not None:
        return told.before_taxes, ours.total.before_taxes, "before taxes"
    return None


def shown(told: StationPrice, currency: str) -> str:
    """``13.75 EUR with taxes``, or before taxes where only that was told."""
    if told.after_taxes is not None:
        return f"{told.after_taxes:.2f} {currency} with taxes"
    if told.before_taxes is not None:
        return f"{told.before_taxes:.2f} {currency} before taxes"
    return "no amount"

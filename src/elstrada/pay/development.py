"""A provider that takes no money, for development: the driver says himself whether he paid. In this process alone."""

from __future__ import annotations

from collections import OrderedDict
from decimal import Decimal

from elstrada.pay.face import CaptureRefused, Order, Reserved

MOST = 10_000
"""Payments remembered."""


class DevelopmentProvider:
    """As ``Provider``. Its page is the payment's own."""

    origins: tuple[str, ...] = ()

    def __init__(self) -> None:
        self._decided: OrderedDict[str, bool] = OrderedDict()
        self.captured: dict[str, Decimal] = {}
        self._ordered: OrderedDict[str, Decimal] = OrderedDict()
        self._empty: OrderedDict[str, None] = OrderedDict()

    def decide(self, payment_id: str, *, pays: bool) -> None:
        """The driver pressed a button; the first time counts."""
        self._decided.setdefault(payment_id, pays)
        if len(self._decided) > MOST:
            gone, _ = self._decided.popitem(last=False)
            self.captured.pop(gone, None)

    def fail(self, payment_id: str) -> None:
        """Let the card prove to be empty when the money is to be taken."""
        self._empty[payment_id] = None
        if len(self._empty) > MOST:
            self._empty.popitem(last=False)

    async def begin(self, order: Order) -> str:
        self._ordered[order.payment_id] = order.amount
        if len(self._ordered) > MOST:
            self._ordered.popitem(last=False)
        return order.return_url

    async def state(self, payment_id: str) -> Reserved:
        pays = self._decided.get(payment_id)
        return Reserved(f"dev-{payment_id}" if pays else None, refused=pays is False)

    async def capture(self, payment_id: str, amount: Decimal, currency: str) -> str:
        if payment_id in self._empty:
            raise CaptureRefused("the card is empty")
        if self._decided.get(payment_id) is False:
            raise CaptureRefused("nothing is reserved")
        if amount > self._ordered.get(payment_id, amount):
            raise CaptureRefused("more than was reserved")
        self.captured[payment_id] = amount
        return ""

    async def release(self, payment_id: str) -> None:
        self._decided[payment_id] = False

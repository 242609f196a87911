"""What a payment service provider does for us. Each call may come again, and then does nothing more."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

import msgspec


class ProviderAway(Exception):
    """The provider cannot be asked, or did not say; the text says why. Nothing is known to have been done."""


class CaptureRefused(Exception):
    """The provider does not give the money, and will not; the text says why."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a driver is asked to have reserved."""

    payment_id: str
    """Ours; one payment has one for ever."""
    amount: Decimal
    currency: str
    return_url: str
    """Where the provider sends the driver back to."""


class Reserved(msgspec.Struct, frozen=True):
    """The provider's answer to how a payment stands."""

    psp_ref: str | None = None
    """The provider's name of the money that is reserved; None: nothing is."""
    refused: bool = False
    """And nothing will be."""


class Provider(Protocol):
    """Reserves money, and takes as much of it as was used."""

    origins: tuple[str, ...]
    """Whose pages a driver is sent to, such as https://pay.example."""

    async def begin(self, order: Order) -> str:
        """Begin a payment.

        Returns:
            Where the driver enters his card.
        Raises:
            ProviderAway.
        """
        ...

    async def state(self, payment_id: str) -> Reserved:
        """How it stands. Raises ProviderAway."""
        ...

    async def capture(self, payment_id: str, amount: Decimal, currency: str) -> str:
        """Take this much of what is reserved, and release the rest.

        Returns:
            Where the receipt is; empty: there is none.
        Raises:
            CaptureRefused: it is never had.
            ProviderAway.
        """
        ...

    async def release(self, payment_id: str) -> None:
        """Take nothing. Raises ProviderAway."""
        ...

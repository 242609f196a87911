"""Who knows VAT numbers."""

from __future__ import annotations

from typing import Protocol

import msgspec

from elstrada.model.vat import Company, VatNumber


class NotLearnt(Exception):
    """The register could not be asked, or did not say; the text says why, without the number."""


class Registered(msgspec.Struct, frozen=True):
    """What a register says of a number."""

    valid: bool
    company: Company | None = None
    """None: it does not say whose it is."""
    consultation: str = ""
    """Its own name of the question; empty: it gives none."""


class VatRegister(Protocol):
    """Looks numbers up."""

    async def look_up(self, number: VatNumber) -> Registered:
        """Ask about one number.

        Raises:
            NotLearnt: nothing certain is known.
        """
        ...

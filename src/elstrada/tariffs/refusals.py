"""Why a price cannot be stated. A missing price is never zero, so each of these is an error."""

from __future__ import annotations

from decimal import Decimal


class NotPriced(Exception):
    """The cost cannot be stated; the message says what, where and when."""


class NoTariff(NotPriced):
    """No tariff is valid at the session's start, or a period names one that was not given."""


class WrongCurrency(NotPriced):
    """Tariff and session speak of different money; OCPI converts nothing (rule 16)."""


class UnknownZone(NotPriced):
    """The place's time zone is not known, and local prices need it; never silently UTC (rule 17)."""


class UnusableTariff(NotPriced):
    """A restriction of the tariff cannot be read, such as a time that is not HH:MM."""


class NetUnknown(NotPriced):
    """The tariff's prices contain tax but name no rate: only the gross amount is known (rule 14).

    OCPI demands an amount before taxes of every CDR, so none can be made from this.
    """

    def __init__(self, tariff_id: str, gross: Decimal, currency: str) -> None:
        super().__init__(
            f"tariff {tariff_id} includes tax but names no rate: {gross} {currency} with tax is known, "
            "the amount before tax is not; add vat to its price components"
        )
        self.gross = gross

"""A CDR priced by another tariff than its own: what a session would have cost."""

from __future__ import annotations

import msgspec

from elstrada.model.cdr import Cdr
from elstrada.model.cost import Cost
from elstrada.model.session import ChargingPeriod
from elstrada.model.tariff import Tariff
from elstrada.tariffs.compile import PriceList
from elstrada.tariffs.policy import OCPI_2_3_0, Policy
from elstrada.tariffs.price import price_with
from elstrada.tariffs.refusals import WrongCurrency
from elstrada.tariffs.segment import split
from elstrada.tariffs.usage import Usage, is_apart, usage_of, volumes_of


def without_validity(tariff: Tariff) -> Tariff:
    """The tariff as if it had always been offered; days and hours of its elements stay."""
    return msgspec.structs.replace(tariff, start_date_time=None, end_date_time=None)


def repriced(cdr: Cdr, by: PriceList, policy: Policy = OCPI_2_3_0) -> Cost:
    """What a CDR's session would have cost by another tariff.

    Its periods are cut anew where the other tariff's prices change; within a period energy is taken to
    flow evenly, as nothing better is known of it.

    Raises:
        NotPriced: it cannot be known; the message says why.
    """
    if cdr.currency != by.tariff.currency:
        says = f"it is in {cdr.currency}, tariff {by.name} in {by.tariff.currency}; nothing is converted"
        raise WrongCurrency(says)
    usage = usage_of(cdr)
    return price_with(msgspec.structs.replace(usage, periods=_cut(usage, by)), [by], policy)


def _cut(usage: Usage, by: PriceList) -> tuple[ChargingPeriod, ...]:
    """The periods of the session cut anew, those of a reservation before it as they are."""
    first = next(
        (number for number, period in enumerate(usage.periods) if not is_apart(volumes_of(period))),
        len(usage.periods),
    )
    reserved, charged = usage.periods[:first], usage.periods[first:]
    kept = tuple(msgspec.structs.replace(period, tariff_id=by.tariff.id) for period in reserved)
    if not charged:
        return kept
    begun = msgspec.structs.replace(usage, start=charged[0].start_date_time, periods=charged)
    return kept + split(begun, by)

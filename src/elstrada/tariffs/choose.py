"""Which of a connector's tariffs a session is priced by."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from elstrada.model.tariff import Tariff
from elstrada.tariffs.refusals import NoTariff

AD_HOC = "AD_HOC_PAYMENT"
_REGULAR = ("REGULAR", None)


def choose(tariffs: Sequence[Tariff], *, at: datetime, ad_hoc: bool) -> Tariff:
    """The tariff for a session that starts at ``at`` (rule 2, A17).

    Args:
        tariffs: in the order the connector names them.
        ad_hoc: nobody's contract: an ad hoc tariff goes first, which others get only for want of
            any other.
    Raises:
        NoTariff: none is valid then.
    """
    valid = [tariff for tariff in tariffs if is_valid(tariff, at)]
    if not valid:
        given = ", ".join(f"{tariff.party}*{tariff.id}" for tariff in tariffs) or "none given"
        raise NoTariff(f"no tariff is valid at {at.isoformat()} (looked at: {given})")
    return min(valid, key=lambda tariff: rank(tariff, ad_hoc))


def is_valid(tariff: Tariff, at: datetime) -> bool:
    """Valid from the start, inclusive, to the end, exclusive."""
    return (tariff.start_date_time is None or tariff.start_date_time <= at) and (
        tariff.end_date_time is None or at < tariff.end_date_time
    )


def rank(tariff: Tariff, ad_hoc: bool) -> int:
    """The order of preference by a tariff's type (A17), least first."""
    if tariff.type == AD_HOC:
        return 0 if ad_hoc else 3
    return 1 if tariff.type in _REGULAR else 2  # PROFILE_*: only for a driver who chose it.

"""CDRs priced again, one after the other, from nothing but their own text: no store, no installation.

Each distinct text of tariffs is read and compiled once, because a stream of CDRs repeats the same few.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType

import msgspec

from elstrada.model.cost import Cost, Price
from elstrada.model.session import ChargingPeriod
from elstrada.model.tariff import Tariff
from elstrada.ocpi.rateable import V211, V221, V230, Misread, Rateable, StatedPrice, read_cdr, read_tariffs
from elstrada.tariffs.bulk import BulkPrices
from elstrada.tariffs.compile import PriceList, compiled
from elstrada.tariffs.policy import OCPI_2_1_1, OCPI_2_2_1, OCPI_2_3_0, Policy
from elstrada.tariffs.price import price_with
from elstrada.tariffs.refusals import UnusableTariff
from elstrada.tariffs.usage import Usage, is_of_booking, zone_of

POLICIES: Mapping[str, Policy] = MappingProxyType({V211: OCPI_2_1_1, V221: OCPI_2_2_1, V230: OCPI_2_3_0})
"""How each version is read."""
MOST_KEPT = 16 << 20
_PARTS = ("fixed", "energy", "time", "parking", "reservation")
_ZERO = Decimal(0)


class Rated(msgspec.Struct, frozen=True):
    """A CDR with the price that it should have."""

    cdr: Rateable
    version: str
    time_zone: str
    cost: Cost


class Difference(msgspec.Struct, frozen=True):
    """What we reckon less what the CDR states, of the total or of one dimension."""

    part: str
    """total, fixed, energy, time, parking or reservation."""
    stated: Decimal
    """Before taxes."""
    net: Decimal
    gross: Decimal | None
    """With taxes; None where either side does not know them."""

    def exceeds(self, tolerance: Decimal) -> bool:
        return abs(self.net) > tolerance or (self.gross is not None and abs(self.gross) > tolerance)


class _Prices(msgspec.Struct, frozen=True):
    """Tariffs made ready to price with."""

    lists: tuple[PriceList, ...]
    bulk: BulkPrices | None
    """Where there is only one."""


class Rerating:
    """Prices CDRs as they come."""

    def __init__(
        self,
        *,
        tariffs: Sequence[Tariff] = (),
        version: str | None = None,
        time_zone: str | None = None,
        reservation_expired: bool = False,
        policies: Mapping[str, Policy] = POLICIES,
        most_kept: int = MOST_KEPT,
    ) -> None:
        """Say what the CDRs themselves do not.

        Args:
            tariffs: instead of those in the CDRs. A single one prices every period, whatever tariff that names.
            version: of OCPI; None to find it by each CDR's fields.
            time_zone: of the places; None to find it by each CDR.
            reservation_expired: the CDRs are of reservations that nobody used.
            policies: by version.
            most_kept: bytes of tariffs' text kept compiled; beyond, all are forgotten and read anew.
        Raises:
            UnusableTariff: a given tariff cannot be compiled.
        """
        self._given = tuple(compiled(tariff) for tariff in tariffs)
        self._version = version
        self._time_zone = time_zone
        self._expired = reservation_expired
        self._policies = policies
        self._prices_given = {version: _prices(self._given, policy) for version, policy in policies.items()}
        self._kept: dict[tuple[str, bytes], _Prices] = {}
        self._most_kept = self._room = most_kept

    def rate(self, body: bytes, *, lines: bool = True) -> Rated:
        """Price one CDR.

        Args:
            body: a JSON document.
            lines: whether the cost has them; several times as fast without.
        Raises:
            Misread: it cannot be read.
            NotPriced: it cannot be priced.
        """
        cdr = read_cdr(body)
        version = self._version or cdr.version
        place = cdr.place
        zone = self._time_zone or zone_of(cdr.id, place.time_zone, place.country)
        usage = Usage(
            start=cdr.start_date_time,
            end=cdr.end,
            time_zone=zone,
            currency=cdr.currency,
            periods=_nameless(cdr.charging_periods) if len(self._given) == 1 else cdr.charging_periods,
            reservation_expired=self._expired,
            booked=cdr.booking_id is not None,
        )
        prices = self._prices_given[version] if self._given else self._prices(cdr, version)
        try:
            cost = None if lines or prices.bulk is None else prices.bulk.cost(usage)
            if cost is None:
                # Plain prices know no volume of a booking, so only these must be told of one.
                booked = usage.booked or any(map(is_of_booking, usage.periods))
                usage = msgspec.structs.replace(usage, booked=booked)
                cost = price_with(usage, prices.lists, self._policies[version])
        except ArithmeticError:
            raise Misread("", "a number or a time is out of range: it cannot be reckoned with") from None
        if cost.lines and not lines:
            cost = msgspec.structs.replace(cost, lines=())
        return Rated(cdr, version, zone, cost)

    def _prices(self, cdr: Rateable, version: str) -> _Prices:
        text = bytes(cdr.tariffs)
        kept = self._kept.get((version, text))
        if kept is not None:
            return kept
        try:
            lists = tuple(_compiled(n, tariff) for n, tariff in enumerate(read_tariffs(text, version)))
        except Misread as problem:
            raise Misread(f"tariffs{problem.path}", problem.reason) from None
        self._room -= len(text)
        if self._room < 0:
            self._kept.clear()
            self._room = self._most_kept - len(text)
        made = self._kept[version, text] = _prices(lists, self._policies[version])
        return made


def _compiled(index: int, tariff: Tariff) -> PriceList:
    try:
        return compiled(tariff)
    except UnusableTariff as problem:
        raise Misread(f"[{index}]", str(problem)) from None


def _prices(lists: tuple[PriceList, ...], policy: Policy) -> _Prices:
    return _Prices(lists, BulkPrices(lists[0], policy) if len(lists) == 1 else None)


def differences(rated: Rated) -> Iterator[Difference]:
    """Ours less the CDR's, of the total and each dimension whose cost it states.

    A credit CDR has the negative of the total alone (A21).
    """
    cdr, cost = rated.cdr, rated.cost
    stated = cdr.total_cost
    if isinstance(stated, Decimal):
        stated = StatedPrice(excl_vat=stated)
    pairs = [("total", stated, cost.total)]
    pairs += [(part, getattr(cdr, f"total_{part}_cost"), getattr(cost, part)) for part in _PARTS]
    for part, theirs, ours in pairs:
        sign = -1 if cdr.credit and part == "total" else 1
        if theirs is not None and theirs.net is not None:
            yield _difference(part, theirs, theirs.net, ours or _NOTHING, sign)


_NOTHING = Price(_ZERO)


def _difference(part: str, theirs: StatedPrice, net: Decimal, ours: Price, sign: int) -> Difference:
    reckoned, stated = ours.after_taxes, theirs.gross
    gross = None if reckoned is None or stated is None else sign * reckoned - stated
    return Difference(part, stated=net, net=sign * ours.before_taxes - net, gross=gross)


def _nameless(periods: tuple[ChargingPeriod, ...]) -> tuple[ChargingPeriod, ...]:
    """The periods without the names of their tariffs."""
    return tuple(msgspec.structs.replace(period, tariff_id=None) for period in periods)

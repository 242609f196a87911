"""How drivers behave: when they come, how much they take and how long they stay, as in real sessions.

Pure: the random numbers are given in, so one seed draws the same drivers everywhere. The table and
its source: ``real_sessions.csv``.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from itertools import accumulate

import msgspec

_QUANTILES = (0.05, 0.25, 0.50, 0.75, 0.95)


class Visit(msgspec.Struct, frozen=True):
    """One driver's session as intended."""

    hour: int
    """Local hour of arrival, 0 to 23."""
    energy_wh: int
    stay_s: int


class Band(msgspec.Struct, frozen=True):
    """Sessions of one hour that took about as much."""

    energy_from_wh: int
    energy_to_wh: int
    powers_w: tuple[int, ...]
    """Mean power over the stay, at the quantiles 5, 25, 50, 75 and 95 %."""


class Distribution(msgspec.Struct, frozen=True):
    sessions: tuple[int, ...]
    """How many arrived in each of 24 hours."""
    bands: tuple[tuple[Band, ...], ...]
    """For each hour, bands of equally many sessions, rising in energy."""

    def arrival_share(self, hour: int) -> float:
        """The part of a day's sessions that arrives in this hour; over 24 hours they sum to 1."""
        return self.sessions[hour] / sum(self.sessions)

    def draw(self, u_hour: float, u_energy: float, u_stay: float) -> Visit:
        """A visit from three independent numbers, each at least 0 and below 1."""
        bounds = list(accumulate(self.sessions))
        return self.draw_at(bisect_right(bounds, u_hour * bounds[-1]), u_energy, u_stay)

    def draw_at(self, hour: int, u_energy: float, u_stay: float) -> Visit:
        """A visit that begins in a given hour; more ``u_stay`` is a longer stay for the same energy."""
        bands = self.bands[hour]
        index, within = divmod(u_energy * len(bands), 1)
        band = bands[int(index)]
        energy_wh = round(_between(band.energy_from_wh, band.energy_to_wh, within))
        power_w = _power(band, 1 - u_stay)
        return Visit(hour, energy_wh, max(60, round(energy_wh * 3600 / power_w)))


@cache
def real_sessions() -> Distribution:
    """The distribution shipped with the package."""
    return parse(files("elstrada.sim").joinpath("real_sessions.csv").read_text("utf-8").splitlines())


def parse(lines: Iterable[str]) -> Distribution:
    """Read a table as tools/derive_distribution.py writes it."""
    sessions = [0] * 24
    bands: list[list[Band]] = [[] for _ in range(24)]
    rows = [line for line in lines if line and not line.startswith("#")]
    for row in rows[1:]:  # The first names the columns.
        hour, count, low, high, *powers = map(int, row.split(","))
        sessions[hour] = count
        bands[hour].append(Band(low, high, tuple(powers)))
    return Distribution(tuple(sessions), tuple(tuple(some) for some in bands))


def _power(band: Band, u: float) -> float:
    """The power at quantile ``u``, linear between the known ones and flat beyond them."""
    upper = bisect_right(_QUANTILES, u)
    if upper == 0:
        return band.powers_w[0]
    if upper == len(_QUANTILES):
        return band.powers_w[-1]
    low, high = _QUANTILES[upper - 1], _QUANTILES[upper]
    return _between(band.powers_w[upper - 1], band.powers_w[upper], (u - low) / (high - low))


def _between(low: float, high: float, part: float) -> float:
    return low + (high - low) * part

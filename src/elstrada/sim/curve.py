"""How a car draws energy: power over time, and what the meter shows of it."""

from __future__ import annotations

from itertools import pairwise

import msgspec


class Stretch(msgspec.Struct, frozen=True):
    """Constant power for a while."""

    seconds: float
    power_w: int


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """One car's way from plugged in to full."""

    stretches: tuple[Stretch, ...]
    phases: int
    """0 for direct current."""
    soc_begin: int | None = None
    """Percent; only direct current tells it."""
    soc_end: int | None = None

    @property
    def seconds(self) -> float:
        """Until the car is full."""
        return sum(stretch.seconds for stretch in self.stretches)

    def power_w(self, elapsed_s: float) -> int:
        """Power at an instant; 0 once the car is full."""
        for stretch in self.stretches:
            if elapsed_s < stretch.seconds:
                return stretch.power_w
            elapsed_s -= stretch.seconds
        return 0

    def energy_wh(self, elapsed_s: float) -> int:
        """Energy drawn so far, as a meter shows it: whole Wh, never falling."""
        drawn = 0.0
        for stretch in self.stretches:
            part_s = min(max(elapsed_s, 0.0), stretch.seconds)
            drawn += stretch.power_w * part_s / 3600
            elapsed_s -= stretch.seconds
        return int(drawn + 1e-6)

    def soc_percent(self, elapsed_s: float) -> int | None:
        """State of charge, in proportion to the energy."""
        if self.soc_begin is None or self.soc_end is None:
            return None
        share = self.energy_wh(elapsed_s) / max(self.energy_wh(self.seconds), 1)
        return self.soc_begin + int((self.soc_end - self.soc_begin) * share)


_AC_SHAPE = ((0.0, 1.0), (0.95, 0.5), (1.0, 0.0))
_DC_SHAPE = ((0.0, 1.0), (0.6, 0.6), (0.85, 0.25), (1.0, 0.0))
"""From which part of the energy on, which part of the power."""


def ac_curve(energy_wh: int, power_w: int, phases: int = 3) -> Curve:
    """Alternating current: even power, a little less before the end."""
    return Curve(stretches=_stretches(energy_wh, power_w, _AC_SHAPE), phases=phases)


def dc_curve(energy_wh: int, power_w: int, soc_begin: int, soc_end: int) -> Curve:
    """Direct current: full power at first, less and less as the battery fills."""
    stretches = _stretches(energy_wh, power_w, _DC_SHAPE)
    return Curve(stretches=stretches, phases=0, soc_begin=soc_begin, soc_end=soc_end)


def _stretches(energy_wh: int, power_w: int, shape: tuple[tuple[float, float], ...]) -> tuple[Stretch, ...]:
    return tuple(
        Stretch((to - begin) * energy_wh * 3600 / (part * power_w), int(part * power_w))
        for (begin, part), (to, _) in pairwise(shape)
    )

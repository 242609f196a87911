"""Derive the table from which simulated drivers draw, from real charging sessions.

    python tools/derive_distribution.py [FILE] [--out TABLE]

For each local hour of arrival: its share of the sessions, and per tenth of the energies the band of
energy and quantiles of the mean power (energy over stay). Energy and stay are thus drawn together.
Only quantiles of at least 50 sessions are written, in hundreds of Wh and W; no single session can be
read off.
"""

from __future__ import annotations

import argparse
import gzip
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared" / "data" / "sessions" / "fr_irve_sessions_110366.jsonl.gz"
TABLE = ROOT / "src" / "elstrada" / "sim" / "real_sessions.csv"
PARIS = ZoneInfo("Europe/Paris")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BANDS = 10
FEWEST = 50
"""Sessions a band must have."""
POWERS = (5, 25, 50, 75, 95)
"""Quantiles of the mean power, percent."""
TRIM = 1
"""Percent of the energies left out at either end of an hour: extremes are single sessions."""

HEADER = f"""\
# Real charging sessions of French public points, as quantiles. Made by tools/derive_distribution.py.
# Source: data.gouv.fr, IRVE dynamic data, through the repository MTES-MCT/qualicharge (licence MIT).
# hour: of arrival, Europe/Paris. sessions: how many the hour had. Then one band of energy per row
# (tenths of the hour's sessions) and quantiles ({", ".join(map(str, POWERS))} %) of the mean power in it.
hour,sessions,energy_from_wh,energy_to_wh,{",".join(f"power_p{q:02}_w" for q in POWERS)}
"""


class Row(msgspec.Struct):
    energy: float
    start: int
    end: int


def derive(lines: Iterable[bytes]) -> Iterator[str]:
    """The rows of the table."""
    hours: dict[int, list[tuple[int, int]]] = {hour: [] for hour in range(24)}
    decode = msgspec.json.Decoder(Row).decode
    for line in lines:
        row = decode(line)
        wh, stay_s = round(row.energy * 1000), (row.end - row.start) / 1000
        if wh > 0 and stay_s >= 60:  # Shorter ones are failed attempts, not visits.
            arrived = (EPOCH + timedelta(milliseconds=row.start)).astimezone(PARIS)
            hours[arrived.hour].append((wh, round(wh * 3600 / stay_s)))
    for hour, sessions in hours.items():
        yield from _bands(hour, sorted(sessions))


def _bands(hour: int, sessions: list[tuple[int, int]]) -> Iterator[str]:
    cut = len(sessions) * TRIM // 100
    trimmed = sessions[cut : len(sessions) - cut]
    edges = [len(trimmed) * band // BANDS for band in range(BANDS + 1)]
    for low, high in pairwise(edges):
        band = trimmed[low:high]
        if len(band) < FEWEST:
            raise SystemExit(f"only {len(band)} sessions in a band of hour {hour}; {FEWEST} are needed")
        powers = sorted(power for _, power in band)
        quantiles = [powers[(len(powers) - 1) * q // 100] for q in POWERS]
        figures = (_coarse(figure) for figure in (band[0][0], band[-1][0], *quantiles))
        yield ",".join(map(str, (hour, len(sessions), *figures)))


def _coarse(figure: int) -> int:
    """In hundreds of Wh or W: no exact reading of anybody stays."""
    return max(100, round(figure, -2))


def main() -> int:
    arguments = argparse.ArgumentParser(description="Derive the simulator's table of sessions.")
    arguments.add_argument("file", nargs="?", type=Path, default=DATA)
    arguments.add_argument("--out", type=Path, default=TABLE)
    told = arguments.parse_args()
    if not told.file.is_file():
        print(f"{told.file} is not there: name a file of sessions", file=sys.stderr)
        return 2
    with gzip.open(told.file) as lines:
        told.out.write_text(HEADER + "".join(f"{row}\n" for row in derive(lines)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

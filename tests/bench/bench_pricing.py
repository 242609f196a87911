"""Pricing on one core, in processor time.

``session``: one session by a tariff compiled before, as the rater and a quote ask; with the 99th percentile.

``stream``: very many CDRs of OCPI 2.2.1, one a line (2 kB; one hour, four periods; FLAT, ENERGY, TIME and
PARKING_TIME with restrictions of weekday, time and duration, 25 % VAT, Europe/Stockholm), read and priced with
all their parts; nine of ten are within the weekday's prices, the rest at any time. Against
``pricing/plain_rating.py``, which is what one would write first and gives the totals alone (PyPI's
``ocpi-tariffs`` 0.1.0 holds no code to compare with), and against ``json.loads`` of the same lines, which tells
how fast the machine is just now. Runs A B C A B C and
prints medians of slices, and the best; the totals must be the same.

    .venv/bin/python tests/bench/bench_pricing.py [session|stream|all] [--cdrs 100000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from random import Random
from statistics import median, quantiles
from time import process_time, thread_time_ns

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "pricing"), str(HERE.parent)]
from plain_rating import rate as plainly  # noqa: E402

from cdr_documents import as_line, cdr, random_cdr  # noqa: E402
from elstrada.cli.documents import documents  # noqa: E402
from elstrada.model.cost import Cost  # noqa: E402
from elstrada.ocpi.rateable import read_cdr, read_tariffs  # noqa: E402
from elstrada.roles.rerating import Rerating  # noqa: E402
from elstrada.tariffs.compile import compiled  # noqa: E402
from elstrada.tariffs.policy import OCPI_2_2_1  # noqa: E402
from elstrada.tariffs.price import price, price_with  # noqa: E402
from elstrada.tariffs.usage import Usage  # noqa: E402

PEERS = 10
"""The others get one CDR of so many."""
SLICE = 1_000
"""CDRs timed together; the best of them tells what a quiet core does."""


def session() -> None:
    """One session at a time, its tariff compiled before."""
    for name, wh in (("1 period", (5_123,)), ("4 periods", (5_123,) * 4)):
        told = read_cdr(as_line(cdr(wh=wh)))
        (tariff,) = read_tariffs(bytes(told.tariffs), "2.2.1")
        usage = Usage(
            start=told.start_date_time,
            end=told.end,
            time_zone="Europe/Stockholm",
            currency=told.currency,
            periods=told.charging_periods,
        )
        lists = [compiled(tariff)]
        each(f"{name}, compiled", lambda usage=usage, lists=lists: price_with(usage, lists, OCPI_2_2_1))
        each(f"{name}, not compiled", lambda usage=usage, tariff=tariff: price(usage, [tariff], OCPI_2_2_1))


def each(name: str, work: Callable[[], Cost], calls: int = 5_000) -> None:
    """The median and the 99th percentile of a call."""
    spent: list[int] = []
    for _ in range(calls):
        began = thread_time_ns()
        work()
        spent.append(thread_time_ns() - began)
    p99 = quantiles(spent, n=100)[98]
    print(f"session, {name:<24}{median(spent) / 1000:>8.1f} us, p99 {p99 / 1000:>8.1f} us")


def stream(file: Path, cdrs: int, rounds: int) -> None:
    """Everybody prices the file, in turn; memory first, while none but its own has been taken."""
    grown = grows(file)
    print(f"stream, memory grew by {grown:,} kB after the first thousand of {cdrs:,} CDRs")
    rerating = Rerating()
    check(file, rerating, cdrs // PEERS)
    contenders: dict[str, tuple[Callable[[bytes], object], int]] = {
        "ours": (lambda body: rerating.rate(body, lines=False), cdrs),
        "with lines": (rerating.rate, cdrs // PEERS),
        "plain": (plainly, cdrs // PEERS),
        "json.loads": (json.loads, cdrs // PEERS),
    }
    spent: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, (work, count) in contenders.items():
            spent[name] += timed(work, file, count)
    ours = median(spent["ours"])
    for name, times in spent.items():
        cost, least = median(times), min(times)
        told = f"{cost:>8.1f} us a CDR {1e6 / cost:>8,.0f}/s {cost / ours:>6.2f} of ours"
        print(f"stream, {name:<12}{told}; the best {SLICE:,}: {least:>6.1f} us {1e6 / least:>8,.0f}/s")


def timed(work: Callable[[bytes], object], file: Path, count: int) -> list[float]:
    """Microseconds a line of each slice, reading the file included."""
    spent: list[float] = []
    with file.open("rb") as lines:
        found = documents(lines)
        for _ in range(count // SLICE):
            began = process_time()
            for one in islice(found, SLICE):
                work(one.body)
            spent.append((process_time() - began) / SLICE * 1e6)
    return spent


def check(file: Path, rerating: Rerating, count: int) -> None:
    """The totals are the same by both."""
    with file.open("rb") as lines:
        for line in islice(lines, count):
            total = rerating.rate(line, lines=False).cost.total
            assert (total.before_taxes, total.after_taxes) == plainly(line), line
    print(f"stream, the totals of {count:,} CDRs are the same by both")


def grows(file: Path) -> int:
    """How much more memory (kB) the whole file takes at most than its first thousand."""
    rerating, before = Rerating(), 0
    with file.open("rb") as lines:
        for count, found in enumerate(documents(lines)):
            rerating.rate(found.body, lines=False)
            if count == 1_000:
                before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?", choices=["session", "stream", "all"], default="all")
    parser.add_argument("--cdrs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    if given.what in ("session", "all"):
        session()
    if given.what in ("stream", "all"):
        random = Random(1)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "cdrs.ndjson"
            with file.open("wb") as lines:
                for _ in range(given.cdrs):
                    lines.write(as_line(random_cdr(random, usual=0.9)) + b"\n")
            stream(file, given.cdrs, given.rounds)


if __name__ == "__main__":
    main()

"""A full pull between two nodes: bounded in memory, and at the same cost per location however many there are.

Of 100,000 locations (300,000 EVSEs) it takes some minutes; of 2,000, in every run, some seconds.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

NODES = Path(__file__).parent / "pull_nodes.py"
PAGE = 100
MOST_KB = 300 * 1024


class Pull(NamedTuple):
    told: dict[str, Any]
    serving_kb: int
    """Most memory that the node that has them took."""
    pulling_kb: int
    served: list[float]
    """Processor time of that node, in seconds: before the first page, and after the last."""

    def cost_us(self, first: int, last: int) -> float:
        """Processor time of the pulling node per location, between two of them."""
        pages = self.told["pages"]
        begun, ended = pages[first // PAGE][1], pages[min(last // PAGE, len(pages) - 1)][1]
        return (ended - begun) / (last - first) * 1e6


def pulled(folder: Path, count: int) -> Pull:
    """Let one node pull so many locations from another."""
    has, wants = folder / f"has-{count}.db", folder / f"wants-{count}.db"
    subprocess.run([sys.executable, NODES, "fill", has, str(count)], check=True)
    with running("serve", has) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        before = cpu_s(server.pid)
        with running("pull", wants, url) as client:
            assert client.stdout is not None
            told, most = client.stdout.readline(), memory_kb(client.pid)
        assert told, "the pull ended without a word"
        return Pull(json.loads(told), memory_kb(server.pid), most, [before, cpu_s(server.pid)])


@contextlib.contextmanager
def running(*arguments: Any) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, NODES, *arguments], stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def memory_kb(process: int) -> int:
    """The most it has had in memory, in KiB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


def cpu_s(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.rule(28)
@pytest.mark.timeout(120)
def test_a_full_pull_between_two_nodes_brings_each_location_once(tmp_path: Path) -> None:
    pull = pulled(tmp_path, 2_000)
    assert (pull.told["kept"], pull.told["rows"]) == (2_000, 2_000), pull.told["end"]
    assert len(pull.told["pages"]) == 20
    assert max(pull.serving_kb, pull.pulling_kb) < MOST_KB


@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.timeout(1800)
def test_a_pull_of_100_000_locations_is_bounded_and_as_cheap_per_location_as_of_10_000(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few, many = pulled(tmp_path, 10_000), pulled(tmp_path, 100_000)
    assert many.told["rows"] == 100_000, many.told["end"]
    served = [(each.served[1] - each.served[0]) / each.told["rows"] * 1e6 for each in (few, many)]
    own = [few.cost_us(1_000, 9_900), many.cost_us(1_000, 99_900), many.cost_us(90_000, 99_900)]
    took = many.told["pages"][-1][0]
    with capsys.disabled():
        print(
            f"\n100,000 in {took:.0f} s; serving {served[0]:.0f} and {served[1]:.0f} us, pulling {own[0]:.0f},"
            f" {own[1]:.0f} and (the last tenth) {own[2]:.0f} us a location; memory {many.serving_kb >> 10} and"
            f" {many.pulling_kb >> 10} MB"
        )
    assert max(many.serving_kb, many.pulling_kb) < MOST_KB
    assert served[1] < 1.3 * served[0], served
    assert max(own[1:]) < 1.3 * own[0], own

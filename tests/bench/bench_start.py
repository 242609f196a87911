"""How long until a living network shows its page: ``elstrada demo`` of one node and of three, from the command on.

    python tests/bench/bench_start.py

A script, not a test. Its peer is the least that a command does, ``elstrada --version``, taken in turn.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from urllib.request import urlopen

ELSTRADA = Path(sys.executable).with_name("elstrada")
ROUNDS, PATIENCE_S = 3, 300.0


def shown_s(nodes: int) -> float:
    """Seconds from the command to its page."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    began = time.monotonic()
    demo = subprocess.Popen(
        [ELSTRADA, "demo", "--nodes", str(nodes), "--port", port], stdout=subprocess.DEVNULL
    )
    try:
        while time.monotonic() - began < PATIENCE_S and demo.poll() is None:
            with contextlib.suppress(OSError), urlopen(f"http://127.0.0.1:{port}/", timeout=PATIENCE_S):
                return time.monotonic() - began
            time.sleep(0.02)
        raise AssertionError(f"the demo of {nodes} nodes never showed its page")
    finally:
        demo.send_signal(signal.SIGINT)
        demo.wait(PATIENCE_S)


def command_s() -> float:
    """Seconds that a command takes that says which version this is."""
    began = time.monotonic()
    subprocess.run([ELSTRADA, "--version"], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def main() -> None:
    for nodes in (1, 3):
        runs = [(shown_s(nodes), command_s()) for _ in range(ROUNDS)]
        shown, command = (median(each) for each in zip(*runs, strict=True))
        print(
            f"{nodes} node(s): page after {shown:.1f} s, {shown / command:.0f} times a command of {command:.2f} s"
        )


if __name__ == "__main__":
    main()

"""Decode, validate, decide trivially, encode: our OCPP core against npm's ajv, in process, without sockets.

Both sides serve the same frames, one core each, in alternating rounds of one run (A B A B ...). Ours does
more with each: it measures depth, finds double keys, remembers answers, and turns the message into an ask
with its meter values made plain; the peer parses, validates and answers.

Run ``.venv/bin/python tests/bench/bench_ocpp_decode.py``; needs node and npm (``npm ci`` on first use).
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import ocpp

HERE = Path(__file__).parent
PEER = HERE / "ws_ajv"
sys.path.insert(0, str(HERE.parent / "ocpp"))

from ocpp_samples import CALLS, NOW, decide, serve  # noqa: E402

from elstrada.ocpp.connection import Connection  # noqa: E402
from elstrada.ocpp.frames import Call, read_frame  # noqa: E402
from elstrada.ocpp.versions import OCPP16, OCPP201, VERSIONS, Version  # noqa: E402

ROUNDS = 9
FRAMES_PER_ROUND = 60_000
MIX = {
    "Authorize": 2,
    "BootNotification": 1,
    "Heartbeat": 4,
    "MeterValues": 8,
    "NotifyEvent": 1,
    "StartTransaction": 4,
    "StatusNotification": 4,
    "StopTransaction": 2,
    "TransactionEvent": 8,
}
"""How often each sample of an action stands in the mix: about a day of a busy station."""

Frame = tuple[Version, bytes]


def main() -> None:
    # The other side has schemas of these two versions.
    frames = [(version, frame) for version, frame in mix() if version in (OCPP16, OCPP201)]
    if not (PEER / "node_modules").exists():
        subprocess.run(["npm", "ci", "--silent"], cwd=PEER, check=True)
    with peer(frames) as node:
        check(frames, node)
        print(
            f"{len(frames)} frames a pass, {sum(len(frame) for _, frame in frames) // len(frames)} bytes on average"
        )
        sides: dict[str, Callable[[int], float]] = {
            "elstrada, whole": lambda passes: serve_passes(frames, passes),
            "node ajv, whole": lambda passes: float(node.ask(str(passes))),
        }
        times: dict[str, list[float]] = {name: [] for name in sides}
        passes = FRAMES_PER_ROUND // len(frames)
        for _ in range(ROUNDS):
            for name, run in sides.items():
                times[name].append(run(passes) / passes / len(frames) * 1e6)
    ours, theirs = (statistics.median(times[name]) for name in sides)
    for name in sides:
        print(
            f"{name}: median {statistics.median(times[name]):.2f} us, best {min(times[name]):.2f} us a frame"
        )
    print(f"ratio (node / elstrada, medians): {theirs / ours:.2f}")
    for version in VERSIONS.values():
        print(
            f"elstrada, decode and validate a transaction message of {version.protocol}: {decoding(version):.2f} us"
        )


def mix() -> list[Frame]:
    """The samples of the tests, each as a frame with an id of usual length."""
    return [
        (version, json.dumps([2, f"7a0c6f0e-5d0b-4c55-9f0e-{number:012d}", action, payload]).encode())
        for number, (version, action, payload) in enumerate(CALLS)
        for _ in range(MIX.get(action, 0))
    ]


def serve_passes(frames: list[Frame], passes: int) -> float:
    """Seconds to serve all frames so many times, each on a connection of its version."""
    connections = {version.protocol: Connection(version.dialect) for version, _ in frames}
    began = time.perf_counter()
    for _ in range(passes):
        for version, frame in frames:
            connection = connections[version.protocol]
            # The next pass sends the same ids; a repeated call would cost next to nothing.
            connection.answers = None
            for event in connection.receive(frame, NOW):
                read = version.read_call(event.action, event.payload, NOW)
                connection.answer(
                    event.id, read.answer or version.write_answer(event.action, decide(read.ask))
                )
            connection.frames_to_send()
    return time.perf_counter() - began


def decoding(version: Version) -> float:
    """Microseconds to decode and validate one of a version's transaction messages, frame and payload."""
    frames = [
        frame
        for of, frame in mix()
        if of is version
        and any(name in frame for name in (b"StartTr", b"StopTr", b"MeterV", b"TransactionE"))
    ]
    readers = {action: row.reader for action, row in version.inbound.items()}
    best = float("inf")
    for _ in range(20):
        began = time.perf_counter()
        for frame in frames * 100:
            call = read_frame(frame)
            assert isinstance(call, Call)
            readers[call.action].read(bytes(call.payload))
        best = min(best, (time.perf_counter() - began) / len(frames) / 100)
    return best * 1e6


# --- the peer ------------------------------------------------------------------------------------------


class Node:
    """The Node process, asked line by line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def ask(self, line: str) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def __enter__(self) -> Node:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)


def peer(frames: list[Frame]) -> Node:
    schemas = [str(Path(ocpp.__file__).parent / folder / "schemas") for folder in ("v16", "v201")]
    command = ["node", "peer.mjs", "rounds", *schemas]
    return Node(subprocess.Popen(command, cwd=PEER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))


def check(frames: list[Frame], node: Node) -> None:
    """Both sides answer every frame, and with a result."""
    answers = json.loads(
        node.ask(json.dumps({"frames": [[v.protocol, frame.decode()] for v, frame in frames]}))
    )
    for (version, frame), theirs in zip(frames, answers, strict=True):
        (ours,) = serve(VERSIONS[version.protocol], Connection(version.dialect), frame)
        assert isinstance(ours, bytes)
        assert ours.startswith(b"[3,"), (frame, ours)
        assert theirs.startswith("[3,"), (frame, theirs)


if __name__ == "__main__":
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    main()

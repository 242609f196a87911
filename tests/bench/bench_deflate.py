"""What compressing costs and saves, per message: processor time and bytes, of messages of three lengths.

    python tests/bench/bench_deflate.py

A script, not a test. Nothing is kept between messages, so memory is that of ``bench_sockets.py memory
--compressed``.
"""

from __future__ import annotations

import time
from statistics import median

import msgspec

from elstrada.net.deflate import Agreed, Inflater, deflated

PERIODS = [{"startPeriod": 900 * n, "limit": 6.0 + n % 26, "numberPhases": 3} for n in range(96)]
SAMPLE = {"measurand": "Energy.Active.Import.Register", "unit": "Wh", "context": "Sample.Periodic"}
SAMPLES = [{"value": str(1_234_567 + n), "phase": f"L{n}"} | SAMPLE for n in (1, 2, 3)]
METER = {"connectorId": 1, "meterValue": [{"timestamp": "2026-03-01T17:00:00Z", "sampledValue": SAMPLES}]}
MESSAGES = {
    "an answer": [3, "7f3c", {"idTagInfo": {"status": "Accepted"}, "transactionId": 77}],
    "meter values": [2, "7f3c", "MeterValues", METER],
    "a day's profile": [
        2,
        "7f3c",
        "SetChargingProfile",
        {"connectorId": 1, "chargingSchedulePeriod": PERIODS},
    ],
}
ROUNDS, RUNS = 2_000, 5


def spent_us(message: bytes, packed: bytes | None) -> tuple[float, float]:
    """Processor time to compress and to inflate, in µs."""
    start = time.process_time()
    for _ in range(ROUNDS):
        deflated(message, Agreed())
    between = time.process_time()
    for _ in range(ROUNDS if packed else 0):
        Inflater(64 * 1024).take(packed or b"", last=True)
    return (between - start) * 1e6 / ROUNDS, (time.process_time() - between) * 1e6 / ROUNDS


def main() -> None:
    for name, content in MESSAGES.items():
        message = msgspec.json.encode(content)
        packed = deflated(message, Agreed())
        runs = [spent_us(message, packed) for _ in range(RUNS)]
        compress, inflate = (median(each) for each in zip(*runs, strict=True))
        size = len(packed) if packed else len(message)
        print(f"{name}: {len(message)} -> {size} bytes, compress {compress:.1f} µs, inflate {inflate:.1f} µs")


if __name__ == "__main__":
    main()

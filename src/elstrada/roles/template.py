"""The document of what held stations are set to."""

from __future__ import annotations

from pathlib import Path

from elstrada.charging.settings import fault_in, read_values

MOST_BYTES = 1 << 20


def load_template(path: Path) -> dict[str, str]:
    """Read the document.

    Raises:
        ValueError: it cannot be used, and why.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        text = file.read(MOST_BYTES + 1)
    if len(text) > MOST_BYTES:
        raise ValueError(f"{path} has more than {MOST_BYTES} bytes")
    try:
        values = read_values(text)
    except (ValueError, RecursionError) as problem:
        raise ValueError(f"{path} is no JSON object of texts: {problem}") from None
    faults = [says for key, value in values.items() if (says := fault_in(key, value))]
    if faults:
        raise ValueError(f"{path}: {'; '.join(faults)[:1000]}")
    return values

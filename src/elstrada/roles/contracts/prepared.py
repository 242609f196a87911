"""A pool for a laboratory: answers that somebody has prepared, each in a file named after the car's message."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from pathlib import Path

from elstrada.model.certificates import ContractWish
from elstrada.roles.contracts.pool import MOST_EXI_BYTES, Fetched, NoContract, exi_bytes


class PreparedPool:
    """A folder with ``<SHA-256 of the car's EXI message, hexadecimal>.exi``, each the EXI of an answer."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def fetch(self, wish: ContractWish) -> Fetched:
        """As ``ContractPool``. The file may be put there while the car waits to try again."""
        name = hashlib.sha256(exi_bytes(wish.exi, "the car's")).hexdigest() + ".exi"
        return await asyncio.to_thread(self._read, name)

    def _read(self, name: str) -> Fetched:
        try:
            with (self._folder / name).open("rb") as opened:
                content = opened.read(MOST_EXI_BYTES + 1)
        except OSError as problem:
            raise NoContract(
                f"no answer is prepared: {name} cannot be read in the pool's folder"
            ) from problem
        if not content or len(content) > MOST_EXI_BYTES:
            raise NoContract(f"{name} has {len(content)} bytes; expected 1 to {MOST_EXI_BYTES}")
        return Fetched(base64.b64encode(content).decode())

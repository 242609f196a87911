"""The authorities of contracts that the operator trusts, in files."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509

from elstrada.net.reading import UNREADABLE
from elstrada.roles.contracts.face import Known

MOST_BYTES = 1 << 20
"""Of one file."""
MOST_CERTIFICATES = 1_000

_Stamp = tuple[tuple[int, int], ...]


class Authorities:
    """Reads the files anew whenever one has changed, so that a new root needs no restart."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = tuple(files)
        self._read: tuple[_Stamp, Known] = ((), Known())

    async def known(self) -> Known:
        """What the files hold now.

        Raises:
            OSError, ValueError: as ``read_authorities``.
        """
        return await asyncio.to_thread(self._known)

    def _known(self) -> Known:
        stamp = tuple((at.st_mtime_ns, at.st_size) for at in (file.stat() for file in self._files))
        if stamp != self._read[0]:
            self._read = (stamp, read_authorities(self._files))
        return self._read[1]


def read_authorities(files: Sequence[Path]) -> Known:
    """The certificates in some files of PEM, each with one or more.

    Raises:
        OSError: a file cannot be read.
        ValueError: a file holds no certificates, or they are too many.
    """
    found: list[x509.Certificate] = []
    for file in files:
        with file.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ValueError(f"{file} has more than {MOST_BYTES} bytes")
        try:
            found += x509.load_pem_x509_certificates(content)
        except UNREADABLE as problem:
            raise ValueError(f"{file} holds no certificates in PEM") from problem
        for one in found:
            try:
                one.public_key()
            except UNREADABLE as problem:
                raise ValueError(
                    f"{file}: the key of {one.subject.rfc4514_string()[:80]} is of no known kind"
                ) from problem
    if len(found) > MOST_CERTIFICATES:
        raise ValueError(f"there are {len(found)} authorities; at most {MOST_CERTIFICATES} are read")
    return Known(tuple(found))

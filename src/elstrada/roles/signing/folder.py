"""The authority of `elstrada ca`, in a folder of this server: for laboratories, and for small installations."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from elstrada.roles import authority
from elstrada.roles.signing.face import Asked, NotNow, NotSigned


class FolderAuthority:
    """Signs with the key in a folder; reads it each time, so that a new one needs no restart."""

    def __init__(self, folder: Path, lasts: timedelta) -> None:
        self._folder, self._lasts = folder, lasts

    async def sign(self, asked: Asked, now: datetime) -> tuple[x509.Certificate, ...]:
        """As ``face.Authority``."""
        return await asyncio.to_thread(self._sign, asked, now)

    def _sign(self, asked: Asked, now: datetime) -> tuple[x509.Certificate, ...]:
        try:
            ours = authority.load_authority(self._folder)
        except (OSError, ValueError) as problem:
            raise NotNow(f"the authority in {self._folder} cannot be used: {problem}") from problem
        request = asked.request.public_bytes(Encoding.PEM)
        try:
            issued = ours.sign(request, asked.name, self._lasts, now, asked.leaf)
        except authority.NotIssued as problem:
            raise NotSigned(str(problem)) from problem
        above = x509.load_pem_x509_certificate((self._folder / authority.CERTIFICATE).read_bytes())
        return x509.load_pem_x509_certificate(issued.certificate), above

"""What the cryptography library raises for what it cannot read. Its exceptions have no common ancestor."""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

UNREADABLE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""For a certificate, a request, a revocation list or an OCSP response from outside, as it is loaded or looked into."""

"""The certificates that stations are shown, and the authorities that theirs must come from.

Source: OCPP 2.0.1 part 2, A00.FR.312 to 322 and 403 to 408; OCPP 1.6 security whitepaper, profiles 2 and 3.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from elstrada.net.face import Clock
from elstrada.net.reading import UNREADABLE

SOON = timedelta(days=30)
"""How long before its end a certificate is worth a word, unless somebody says otherwise."""
WATCH_S = 2.0
"""How often the files are looked at; a change is taken up at the second look that finds it so."""
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2; those of 1.3 are all good. None without forward secrecy, none with CBC (T7)."""
CIPHERS_WITHOUT_SECRECY = "AES128-GCM-SHA256:AES256-GCM-SHA384"
"""TLS_RSA_WITH_AES_128_GCM_SHA256 and _256_GCM_SHA384, which OCPP demands of a CSMS all the same (A00.FR.318)."""
_LEAST_RSA_BITS, _LEAST_EC_BITS = 2048, 224
"""112 bits of security, which both OCPP documents ask for."""
_MOST_BYTES = 1 << 20

_LOG = logging.getLogger("elstrada.net.certificates")


class TlsFiles(msgspec.Struct, frozen=True, kw_only=True):
    """Where the certificates are, all as PEM."""

    certificates: tuple[Path, ...]
    """Each with its chain, from our own upwards. Two serve stations of either kind: RSA and ECDSA."""
    keys: tuple[Path, ...]
    """One for each certificate, in the same order."""
    authorities: tuple[Path, ...] = ()
    """That stations' own certificates come from; without any, no station is asked for one."""
    without_secrecy: bool = False
    """Speak the two TLS_RSA suites as well, with stations that know nothing better."""

    @property
    def all(self) -> tuple[Path, ...]:
        return (*self.certificates, *self.keys, *self.authorities)


class TlsUnusable(Exception):
    """The files cannot serve; each problem is one sentence."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class Shown(msgspec.Struct, frozen=True):
    """A certificate of ours, or of an authority that we trust."""

    file: Path
    kind: str
    """RSA or ECDSA."""
    subject: str
    begins_at: datetime
    ends_at: datetime

    def doubt(self, now: datetime, soon: timedelta = SOON) -> str | None:
        """What is wrong with its time, in words."""
        if self.ends_at <= now:
            return f"{self.file}: the certificate of {self.subject} ended on {self.ends_at:%Y-%m-%d}"
        if self.begins_at > now:
            return f"{self.file}: the certificate of {self.subject} begins only on {self.begins_at:%Y-%m-%d}"
        if self.ends_at - now < soon:
            return f"{self.file}: the certificate of {self.subject} ends on {self.ends_at:%Y-%m-%d}"
        return None


class Identity(msgspec.Struct, frozen=True):
    """What the files hold, once they were found to fit."""

    context: ssl.SSLContext
    ours: tuple[Shown, ...]
    authorities: tuple[Shown, ...]

    def doubts(self, now: datetime, soon: timedelta = SOON) -> Iterator[str]:
        """What is wrong with the times of these certificates, or soon will be."""
        for shown in (*self.ours, *self.authorities):
            doubt = shown.doubt(now, soon)
            if doubt is not None:
                yield doubt


def read_identity(files: TlsFiles) -> Identity:
    """Read the files and make a TLS context of them.

    Raises:
        TlsUnusable: a file is missing, is no PEM, or does not fit the others.
    """
    problems: list[str] = []
    ours = tuple(_ours(files, problems))
    kinds = [shown.kind for shown in ours]
    problems += [f"two certificates are {kind}; one of each kind can be served" for kind in _twice(kinds)]
    authorities = tuple(_authorities(files, problems))
    if problems:
        raise TlsUnusable(problems)
    return Identity(_context(files), ours, authorities)


class Certificates:
    """What new connections are met with: follows its files, so that a renewal needs no restart."""

    def __init__(self, files: TlsFiles, clock: Clock, soon: timedelta = SOON) -> None:
        """
        Args:
            soon: how long before its end a certificate is worth a word.
        Raises:
            TlsUnusable: as ``read_identity``.
        """
        self.files, self._clock, self._soon = files, clock, soon
        self._told: Callable[[str], object] = _unheard
        self._read = self._seen = _stamp(files)
        self.identity = read_identity(files)
        self._doubted: datetime | None = None
        self.doubt()

    async def watch(self, every_s: float = WATCH_S) -> None:
        """Look at the files until cancelled; connections that are open stay as they are."""
        while True:
            await asyncio.sleep(every_s)
            await self.look()
            self.doubt()

    async def look(self) -> None:
        """Take the files up if they have changed and are as they were at the last look.

        A certificate and its key are replaced one after the other: what is still changing has to wait.
        """
        stamp = await asyncio.to_thread(_stamp, self.files)
        settled, self._seen = stamp == self._seen, stamp
        if stamp == self._read or not settled:
            return
        self._read = stamp
        try:
            self.identity = await asyncio.to_thread(read_identity, self.files)
        except TlsUnusable as unusable:
            _LOG.error("the changed certificates cannot be used, those before them are kept: %s", unusable)
            return
        self._doubted = None
        _LOG.info("new connections are met with the changed certificates")

    def tell(self, told: Callable[[str], object]) -> None:
        """Have somebody hear, now and then once a day, what the log says of the certificates' times."""
        self._told, self._doubted = told, None
        self.doubt()

    def doubt(self) -> None:
        """Say once a day what is wrong with the certificates' times."""
        now = self._clock.now()
        if self._doubted is not None and now - self._doubted < timedelta(days=1):
            return
        self._doubted = now
        for says in self.identity.doubts(now, self._soon):
            _LOG.warning("%s", says)
            self._told(says)


def _unheard(_: str) -> None:
    """Nobody is told; the log says it anyway."""


def following(certificates: Certificates) -> ssl.SSLContext:
    """A context for a server that keeps one for its whole life: each newcomer sees the certificates of then.

    Nobody is asked for a certificate of his own.
    """
    context = _rules()

    def choose(line: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        line.context = certificates.identity.context

    context.sni_callback = choose  # Called for those who name no server, too.
    return context


def _stamp(files: TlsFiles) -> tuple[tuple[int, int, int] | None, ...]:
    """Tells whether any of the files was changed or replaced."""
    stamps: list[tuple[int, int, int] | None] = []
    for file in files.all:
        try:
            told = file.stat()
        except OSError:
            stamps.append(None)
        else:
            stamps.append((told.st_ino, told.st_mtime_ns, told.st_size))
    return tuple(stamps)


# --- what the files hold ----------------------------------------------------------------------------


def _ours(files: TlsFiles, problems: list[str]) -> Iterator[Shown]:
    for certificate, key in zip(files.certificates, files.keys, strict=True):
        chain, public = _chain(certificate, problems), _public_of(key, problems)
        if not chain:
            continue
        leaf = chain[0]
        problems += _flaws(certificate, chain)
        if public is not None and _spki(leaf.public_key()) != _spki(public):
            problems.append(f"{key} is not the key of {certificate}")
        yield _shown(certificate, leaf)


def _authorities(files: TlsFiles, problems: list[str]) -> Iterator[Shown]:
    for file in files.authorities:
        for one in _chain(file, problems):
            yield _shown(file, one)


def _flaws(file: Path, chain: list[x509.Certificate]) -> Iterator[str]:
    """What stations would refuse, other than for its time."""
    public = chain[0].public_key()
    match public:
        case RSAPublicKey() if public.key_size < _LEAST_RSA_BITS:
            yield f"{file}: an RSA key of {public.key_size} bits; stations want {_LEAST_RSA_BITS} and more"
        case EllipticCurvePublicKey() if public.key_size < _LEAST_EC_BITS:
            yield f"{file}: an ECDSA key of {public.key_size} bits; stations want {_LEAST_EC_BITS} and more"
        case RSAPublicKey() | EllipticCurvePublicKey():
            pass
        case _:
            yield f"{file}: its key is neither RSA nor ECDSA, which is what stations know"
    for below, above in pairwise(chain):
        if below.issuer != above.subject:
            yield f"{file}: {_name(below)} is not followed by its issuer, {below.issuer.rfc4514_string()}"


def _chain(file: Path, problems: list[str]) -> list[x509.Certificate]:
    text = _content(file, problems)
    try:
        return x509.load_pem_x509_certificates(text) if text is not None else []
    except UNREADABLE:
        problems.append(f"{file} holds no certificate in PEM")
        return []


def _public_of(file: Path, problems: list[str]) -> PublicKeyTypes | None:
    text = _content(file, problems)
    try:
        return load_pem_private_key(text, None).public_key() if text is not None else None
    except TypeError:
        problems.append(f"{file} is locked by a passphrase, which a server that starts by itself cannot say")
    except (ValueError, UnsupportedAlgorithm):
        problems.append(f"{file} holds no private key in PEM")
    return None


def _content(file: Path, problems: list[str]) -> bytes | None:
    try:
        with file.open("rb") as opened:
            return opened.read(_MOST_BYTES)
    except OSError as trouble:
        problems.append(f"{file} cannot be read: {trouble.strerror}")
        return None


def _shown(file: Path, certificate: x509.Certificate) -> Shown:
    kind = "RSA" if isinstance(certificate.public_key(), RSAPublicKey) else "ECDSA"
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return Shown(file, kind, _name(certificate), begins, ends)


def _name(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string()


def _spki(key: CertificatePublicKeyTypes | PublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _twice(kinds: Iterable[str]) -> list[str]:
    seen = list(kinds)
    return sorted({kind for kind in seen if seen.count(kind) > 1})


# --- the context ------------------------------------------------------------------------------------


def _rules(*, without_secrecy: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # We prefer in this order, so the last are spoken only with who knows none of the others.
    context.set_ciphers(f"{CIPHERS}:{CIPHERS_WITHOUT_SECRECY}" if without_secrecy else CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    return context


def _context(files: TlsFiles) -> ssl.SSLContext:
    context = _rules(without_secrecy=files.without_secrecy)
    try:
        for certificate, key in zip(files.certificates, files.keys, strict=True):
            context.load_cert_chain(certificate, key, password="")
        for file in files.authorities:
            context.load_verify_locations(file)
    except (OSError, ValueError) as trouble:
        raise TlsUnusable([f"the certificates cannot be used: {trouble}"]) from trouble
    if files.authorities:
        context.verify_mode = ssl.CERT_OPTIONAL  # Of profile 2 a station shows none.
        # The authority of one operator's stations may itself be issued by one that we do not trust.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context

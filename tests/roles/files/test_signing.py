"""Signatures of firmware: what stations check is checked before they are troubled (T23, A00.FR.707)."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from authority import DAY, Authority, Issued
from elstrada.roles.files.signing import NotSigned, Scheme, check, sign

IMAGE = b"firmware" * 10_000
HASH = hashlib.sha256(IMAGE).hexdigest()
NOW = datetime.now(UTC)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    made = tmp_path / "image.bin"
    made.write_bytes(IMAGE)
    return made


def maker(folder: Path, kind: str) -> tuple[Issued, str]:
    issued = Authority(folder / kind).station("maker", kind=kind)
    leaf = x509.load_pem_x509_certificates(issued.certificate.read_bytes())[0]
    return issued, leaf.public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize(
    ("kind", "asked", "made"),
    [("RSA", None, Scheme.PSS), ("RSA", Scheme.PKCS1, Scheme.PKCS1), ("EC", None, Scheme.ECDSA)],
)
def test_what_is_signed_is_found_to_be_and_nothing_else(
    tmp_path: Path, image: Path, kind: str, asked: Scheme | None, made: Scheme
) -> None:
    issued, certificate = maker(tmp_path, kind)
    signature, used = sign(image, issued.key.read_bytes(), asked)
    assert (used, check(HASH, signature, certificate, NOW)) == (made, made)
    other = hashlib.sha256(IMAGE + b"!").hexdigest()
    _, stranger = maker(tmp_path / "stranger", kind)
    for digest, by in ((other, certificate), (HASH, stranger)):
        with pytest.raises(NotSigned, match="not this image's"):
            check(digest, signature, by, NOW)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_says_the_same_of_each_scheme_as_stations_that_run_it_do(tmp_path: Path, image: Path) -> None:
    for kind, scheme, options in (
        ("EC", None, []),
        ("RSA", Scheme.PKCS1, []),
        ("RSA", Scheme.PSS, ["-sigopt", "rsa_padding_mode:pss"]),
    ):
        issued, certificate = maker(tmp_path, kind)
        signature, _ = sign(image, issued.key.read_bytes(), scheme)
        (tmp_path / "sig").write_bytes(base64.b64decode(signature))
        (tmp_path / "cert").write_text(certificate)
        key = subprocess.run(
            ["openssl", "x509", "-pubkey", "-noout", "-in", tmp_path / "cert"],
            capture_output=True,
            check=True,
        ).stdout
        (tmp_path / "key").write_bytes(key)
        words = [
            "openssl",
            "dgst",
            "-sha256",
            *options,
            "-verify",
            tmp_path / "key",
            "-signature",
            tmp_path / "sig",
        ]
        told = subprocess.run([*words, image], capture_output=True, text=True, check=False)
        assert told.stdout.strip() == "Verified OK", (kind, scheme, told)
        theirs = [
            "openssl",
            "dgst",
            "-sha256",
            *options,
            "-sign",
            issued.key,
            "-out",
            tmp_path / "theirs",
            image,
        ]
        subprocess.run(theirs, check=True)
        made = base64.b64encode((tmp_path / "theirs").read_bytes()).decode()
        assert check(HASH, made, certificate, NOW)


def test_what_no_station_would_take_is_refused_with_its_reason(tmp_path: Path, image: Path) -> None:
    issued, certificate = maker(tmp_path, "EC")
    signature, _ = sign(image, issued.key.read_bytes())
    for digest, said, by, now, reason in (
        (HASH, "not base64!", certificate, NOW, "not Base64"),
        (HASH, "A" * 804, certificate, NOW, "800"),
        (HASH, signature, "nothing", NOW, "no certificate"),
        (HASH, signature, certificate + "x" * 5500, NOW, "5500"),
        (HASH, signature, certificate, NOW + 100 * DAY, "not now"),
        (HASH, signature, certificate, NOW - 100 * DAY, "not now"),
        (HASH, signature, certificate + issued.key.read_text(), NOW, "private key"),
    ):
        with pytest.raises(NotSigned, match=reason):
            check(digest, said, by, now)
    with pytest.raises(NotSigned, match="another kind"):
        sign(image, issued.key.read_bytes(), Scheme.PSS)
    with pytest.raises(NotSigned, match="no private key"):
        sign(image, certificate.encode())

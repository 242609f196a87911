"""Certificate files that do not fit are told apart in words, before and while they serve."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from authority import DAY, Authority, Issued
from elstrada.net.certificates import Certificates, TlsFiles, TlsUnusable, read_identity


class Clock:
    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def files(*issued: Issued, authorities: tuple[Path, ...] = ()) -> TlsFiles:
    return TlsFiles(
        certificates=tuple(one.certificate for one in issued),
        keys=tuple(one.key for one in issued),
        authorities=authorities,
    )


def problems(given: TlsFiles) -> list[str]:
    with pytest.raises(TlsUnusable) as unusable:
        read_identity(given)
    return unusable.value.problems


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "Ours")


def _locked(issued: Issued) -> None:
    key = load_pem_private_key(issued.key.read_bytes(), None)
    issued.key.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    )


def _swapped(issued: Issued) -> None:
    text = issued.certificate.read_text()
    issued.certificate.write_text(issued.key.read_text())
    issued.key.write_text(text)


def _foreign(issued: Issued) -> None:
    issued.key.write_bytes(Authority(issued.key.parent / "x", "X").station("A").key.read_bytes())


def _unchained(issued: Issued) -> None:
    stranger = Authority(issued.key.parent / "x", "X").file
    issued.certificate.write_bytes(issued.certificate.read_bytes() + stranger.read_bytes())


SPOILT: dict[str, tuple[Callable[[Issued], object], list[str]]] = {
    "no certificate": (
        lambda issued: issued.certificate.unlink(),
        ["server.pem cannot be read: No such file or directory"],
    ),
    "no key": (lambda issued: issued.key.unlink(), ["server.key cannot be read: No such file or directory"]),
    "empty files": (
        lambda issued: [file.write_text("") for file in issued],
        ["server.key holds no private key in PEM", "server.pem holds no certificate in PEM"],
    ),
    "the one for the other": (
        _swapped,
        ["server.key holds no private key in PEM", "server.pem holds no certificate in PEM"],
    ),
    "another's key": (_foreign, ["server.key is not the key of server.pem"]),
    "a passphrase": (
        _locked,
        ["server.key is locked by a passphrase, which a server that starts by itself cannot say"],
    ),
    "a chain of strangers": (
        _unchained,
        ["server.pem: CN=localhost,O=Elstrada tests is not followed by its issuer, CN=Ours,O=Elstrada tests"],
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_what_does_not_fit_is_said_in_words(ours: Authority, name: str) -> None:
    issued = ours.server(file="server")
    spoil, expected = SPOILT[name]
    spoil(issued)
    said = [text.replace(f"{ours.folder}/", "") for text in problems(files(issued))]
    assert sorted(said) == expected


def test_a_weak_key_and_two_of_a_kind_and_an_odd_kind_are_refused(ours: Authority, tmp_path: Path) -> None:
    weak, one, two = ours.server("weak RSA"), ours.server("RSA"), ours.server("RSA")
    assert problems(files(weak)) == [
        f"{weak.certificate}: an RSA key of 1024 bits; stations want 2048 and more"
    ]
    assert problems(files(one, two)) == ["two certificates are RSA; one of each kind can be served"]
    authority = tmp_path / "no-authority.pem"
    authority.write_text("nothing")
    assert problems(files(one, authorities=(authority,))) == [f"{authority} holds no certificate in PEM"]
    odd = ed25519.Ed25519PrivateKey.generate()
    one.key.write_bytes(odd.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert problems(files(one)) == [f"{one.key} is not the key of {one.certificate}"]


def test_what_fits_is_told_with_its_end(ours: Authority) -> None:
    both = ours.server("RSA"), ours.server("EC")
    identity = read_identity(files(*both, authorities=(ours.file,)))
    assert [shown.kind for shown in identity.ours] == ["RSA", "ECDSA"]
    assert [shown.subject for shown in identity.authorities] == ["CN=Ours,O=Elstrada tests"]
    now = datetime.now(UTC)
    assert list(identity.doubts(now)) == []
    (first, _) = identity.doubts(now + 80 * DAY)
    assert "the certificate of CN=localhost,O=Elstrada tests ends on" in first
    (first, _) = identity.doubts(now + 91 * DAY)
    assert "the certificate of CN=localhost,O=Elstrada tests ended on" in first
    assert "begins only on" in next(identity.doubts(now - 2 * DAY))


def test_a_certificate_that_ends_serves_and_is_spoken_of_once_a_day(
    ours: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    """Its stations refuse it, and a renewal is taken up; those who do not look at it go on."""
    clock = Clock()
    certificates = Certificates(files(ours.server(ends=-DAY)), clock)
    for _ in range(3):
        certificates.doubt()
    clock.ahead = timedelta(days=1, seconds=1)
    for _ in range(3):
        certificates.doubt()
    first, second = (record.getMessage() for record in caplog.records)
    assert "ended on" in first
    assert first == second

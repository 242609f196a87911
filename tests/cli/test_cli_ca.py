"""`elstrada ca` makes what `elstrada serve` and stations of profile 3 need, and signs nothing else."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from elstrada.cli import root
from elstrada.net.certificates import TlsFiles, read_identity


def ran(*words: str) -> Result:
    return CliRunner().invoke(root, ["ca", *words])


def told(*words: str) -> Any:
    result = ran(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    made = told("make", "ca", "--organization", "Example Charging")
    assert (made["certificate"], made["key"]) == ("ca/ca.pem", "ca/ca.key")
    return "ca"


def shaken(server: ssl.SSLContext, client: ssl.SSLContext) -> dict[str, Any]:
    """What a server sees of a client's certificate, after a whole handshake in memory."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    theirs = client.wrap_bio(down, up, server_hostname="charging.example.org")
    ours = server.wrap_bio(up, down, server_side=True)
    done = {theirs: False, ours: False}
    for _ in range(10):
        for side in done:
            try:
                side.do_handshake()
                done[side] = True
            except ssl.SSLWantReadError:
                pass
    assert all(done.values())
    return ours.getpeercert() or {}


def trusting(folder: str) -> ssl.SSLContext:
    client = ssl.create_default_context(cafile=f"{folder}/ca.pem")
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    return client


def test_what_it_makes_serves_and_is_let_in(folder: str) -> None:
    made = [
        told("server", folder, "charging.example.org", "192.0.2.7"),
        told("server", folder, "charging.example.org", "192.0.2.7", "--rsa"),
    ]
    assert [one["certificate"] for one in made] == [
        "charging.example.org.pem",
        "charging.example.org-rsa.pem",
    ]
    station = told("station", folder, "CP*1", "--days", "30")
    files = TlsFiles(
        certificates=tuple(Path(one["certificate"]) for one in made),
        keys=tuple(Path(one["key"]) for one in made),
        authorities=(Path(folder) / "ca.pem",),
    )
    identity = read_identity(files)
    assert [shown.kind for shown in identity.ours] == ["ECDSA", "RSA"]
    client = trusting(folder)
    client.load_cert_chain(station["certificate"], station["key"])
    seen = dict(pair for part in shaken(identity.context, client)["subject"] for pair in part)
    assert seen == {"organizationName": "Example Charging", "commonName": "CP*1"}
    assert shaken(identity.context, trusting(folder)) == {}, "a station without one comes in by TLS too"


def test_keys_are_for_nobody_elses_eyes_and_nothing_is_written_over(folder: str) -> None:
    station = told("station", folder, "CP1")
    for key in (station["key"], "ca/ca.key"):
        assert Path(key).stat().st_mode & 0o777 == 0o600
    before = Path("ca/ca.key").read_bytes()
    again = ran("make", folder, "--organization", "Other")
    assert (again.exit_code, "another would end all it signed" in again.stderr) == (5, True)
    twice = ran("station", folder, "CP1")
    assert (twice.exit_code, "CP1.key exists" in twice.stderr) == (1, True)
    assert Path("ca/ca.key").read_bytes() == before
    assert ran("station", "nowhere", "CP2").exit_code == 1
    assert not list(Path().glob("CP2*"))


@pytest.mark.parametrize("name", ["../CP1", "a/b", "", "x" * 65])
def test_a_name_that_is_no_file_here_is_refused(folder: str, name: str) -> None:
    result = ran("station", folder, name)
    assert (result.exit_code, "neither a host nor" in result.stderr) == (1, True)


Asked = Callable[[], x509.CertificateSigningRequest]


def asked(
    name: str = "CP1", organization: str = "Example Charging", key: Any = None, **more: str
) -> x509.CertificateSigningRequest:
    attributes = [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
        x509.NameAttribute(NameOID.COMMON_NAME, name),
        *(x509.NameAttribute(NameOID.COMMON_NAME, extra) for extra in more.values()),
    ]
    key = key or ec.generate_private_key(ec.SECP256R1())
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
    wish = x509.BasicConstraints(ca=True, path_length=None)
    return builder.add_extension(wish, critical=True).sign(key, algorithm)


def test_a_stations_own_key_is_signed_and_nothing_else_of_its_wishes(folder: str) -> None:
    key = rsa.generate_private_key(65537, 2048)
    Path("CP1.csr").write_bytes(asked(key=key).public_bytes(Encoding.PEM))
    made = told("station", folder, "CP1", "--request", "CP1.csr")
    assert made["key"] is None
    signed = x509.load_pem_x509_certificate(Path(made["certificate"]).read_bytes())
    assert signed.public_key() == key.public_key()
    assert signed.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    uses = signed.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(uses) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    Path("own.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    trusting(folder).load_cert_chain(made["certificate"], "own.key")


def _tampered() -> bytes:
    honest = asked().public_bytes(Encoding.DER)
    at = honest.index(b"CP1")
    other = honest[:at] + b"CP2" + honest[at + 3 :]
    return x509.load_der_x509_csr(other).public_bytes(Encoding.PEM)


REFUSED: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "of another station": (
        lambda: asked("CP2").public_bytes(Encoding.PEM),
        "CP1",
        "its CN is 'CP2', not the station's identity 'CP1'",
    ),
    "with two names": (
        lambda: asked(second="CP1").public_bytes(Encoding.PEM),
        "CP1",
        "its CN is '', not the station's identity 'CP1'",
    ),
    "of another operator": (
        lambda: asked(organization="Other").public_bytes(Encoding.PEM),
        "CP1",
        "its O is 'Other', not 'Example Charging'",
    ),
    "with a weak key": (
        lambda: asked(key=rsa.generate_private_key(65537, 1024)).public_bytes(Encoding.PEM),
        "CP1",
        "its key is weaker than",
    ),
    "with a weak curve": (
        lambda: asked(key=ec.generate_private_key(ec.SECP224R1())).public_bytes(Encoding.PEM),
        "CP1",
        "its key is weaker than",
    ),
    "with a key of another kind": (
        lambda: asked(key=ed25519.Ed25519PrivateKey.generate()).public_bytes(Encoding.PEM),
        "CP1",
        "or of another kind",
    ),
    "that was tampered with": (_tampered, "CP2", "its signature is not of the key that it holds"),
    "that is none": (lambda: b"nonsense", "CP1", "it is no certificate signing request"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_request_is_not_signed(folder: str, name: str) -> None:
    made, station, says = REFUSED[name]
    Path("bad.csr").write_bytes(made())
    result = ran("station", folder, station, "--request", "bad.csr")
    assert result.exit_code == 5, result.output
    assert says in result.stderr
    assert not Path(f"{station}.pem").exists()

"""Which requests of stations are signed (A02, A00.FR.403, 404, 501 to 511), and what must come back."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from csrs import csr, new_key
from elstrada.roles import authority
from elstrada.roles.signing.chain import MOST_CHARACTERS, signed_chain
from elstrada.roles.signing.face import Asked, Leaf, NotNow, NotSigned
from elstrada.roles.signing.folder import FolderAuthority
from elstrada.roles.signing.requests import read_request

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = new_key()
GOOD = csr(KEY, "CP1")


def names(*said: str) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.DNSName(name) for name in said])


@pytest.mark.parametrize(
    "pem",
    [
        GOOD,
        csr(rsa.generate_private_key(65537, 2048), "CP1"),
        csr(ec.generate_private_key(ec.SECP384R1()), "CP1"),
        csr(KEY, "CP1", extensions=[names("CP1")]),
        csr(KEY, "CP1", more=[(NameOID.SERIAL_NUMBER, "CP1"), (NameOID.COUNTRY_NAME, "SE")]),
    ],
)
def test_a_stations_own_request_is_good(pem: str) -> None:
    assert isinstance(read_request(pem, "CP1", "Els"), Asked)


@pytest.mark.parametrize(
    ("pem", "why"),
    [
        ("", "not one certificate signing request"),
        (GOOD + GOOD, "not one certificate signing request"),
        ("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n", "can be read"),
        (GOOD.replace("CERTIFICATE REQUEST", "CERTIFICATE"), "can be read"),
        ("-----BEGIN CERTIFICATE REQUEST-----\n\ud800", "can be read"),
        (csr(KEY, "CP2"), "not the station's identity"),
        (csr(KEY, "cp1"), "not the station's identity"),
        (csr(KEY), "not the station's identity"),
        (csr(KEY, "CP1", "CP2"), "not the station's identity"),
        (csr(KEY, "CP1", organization="Other"), "not 'Els'"),
        (csr(KEY, "CP1", organization=None), "not 'Els'"),
        (csr(KEY, "CP1", more=[(NameOID.ORGANIZATION_NAME, "Other")]), "not 'Els'"),
        (csr(rsa.generate_private_key(65537, 1024), "CP1"), "1024 bits"),
        (csr(ec.generate_private_key(ec.SECP224R1()), "CP1"), "224 bits"),
        (csr(ed25519.Ed25519PrivateKey.generate(), "CP1"), "neither RSA nor ECDSA"),
        (csr(KEY, "CP1", extensions=[names("CP1", "CP2")]), "another name"),
        (csr(KEY, "CP1", more=[(NameOID.SERIAL_NUMBER, "CP2")]), "second identity"),
        (csr(KEY, "CP1", more=[(NameOID.USER_ID, "admin")]), "second identity"),
        (
            csr(KEY, "CP1", extensions=[x509.BasicConstraints(ca=True, path_length=None)]),
            "authority itself",
        ),
    ],
)
def test_any_other_is_refused_and_told_why(pem: str, why: str) -> None:
    found = read_request(pem, "CP1", "Els")
    assert isinstance(found, str), "it was taken"
    assert why in found


@pytest.mark.filterwarnings("ignore:Attribute's length")
def test_no_change_of_a_byte_of_a_request_changes_what_is_signed_or_breaks_anything() -> None:
    """Every value at the front, where the version and the lengths are; elsewhere every bit."""
    good = x509.load_pem_x509_csr(GOOD.encode())
    whole = base64.b64decode("".join(GOOD.split("\n")[1:-2]))
    for place in range(len(whole)):
        for change in range(1, 256) if place < 20 else (1 << bit for bit in range(8)):
            changed = bytearray(whole)
            changed[place] ^= change
            body = base64.encodebytes(bytes(changed)).decode()
            pem = f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n"
            found = read_request(pem, "CP1", "Els")
            if isinstance(found, Asked):  # The signature has bits that are not used.
                assert found.request.tbs_certrequest_bytes == good.tbs_certrequest_bytes, (place, change)


DC, SECC = NameOID.DOMAIN_COMPONENT, Leaf.SECC


@pytest.mark.parametrize(
    ("pem", "leaf", "name"),
    [
        (GOOD, Leaf.SECC, "CP1"),
        (csr(KEY, "CP1", more=[(DC, "CPO")]), Leaf.SECC, "CP1"),
        (csr(KEY, "SECC-1", more=[(DC, "CPO")], extensions=[names("SECC-1")]), Leaf.SECC, "SECC-1"),
        (csr(ed448.Ed448PrivateKey.generate(), "CP1"), Leaf.SECC_20, "CP1"),
        (csr(KEY, "CP1", more=[(DC, "CPO")]), Leaf.COMBINED, "CP1"),
    ],
)
async def test_a_request_for_cars_is_good_and_what_is_signed_says_so(
    tmp_path: Path, pem: str, leaf: Leaf, name: str
) -> None:
    """ISO 15118-2 annex F: CN, O, DC=CPO; the key signs and agrees on keys."""
    found = read_request(pem, "CP1", "Els", leaf, ["SECC-1"])
    assert isinstance(found, Asked), found
    assert found.name == name
    authority.make_authority(tmp_path / "v2g", "V2G", "Els", NOW)
    given = await FolderAuthority(tmp_path / "v2g", timedelta(days=60)).sign(found, NOW)
    own = x509.load_pem_x509_certificate(signed_chain(found, given, NOW).chain.encode())
    said = {part.oid: part.value for part in own.subject}
    assert said == {NameOID.ORGANIZATION_NAME: "Els", NameOID.COMMON_NAME: name, DC: "CPO"}
    uses = own.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert (ExtendedKeyUsageOID.CLIENT_AUTH in uses) is (leaf is Leaf.COMBINED)
    assert ExtendedKeyUsageOID.SERVER_AUTH in uses
    assert own.extensions.get_extension_for_class(x509.KeyUsage).value.key_agreement


@pytest.mark.parametrize(
    ("pem", "leaf", "why"),
    [
        (csr(KEY, "SECC-2"), SECC, "not the station's identity"),
        (csr(KEY, "SECC-1"), Leaf.COMBINED, "not the station's identity"),
        (csr(KEY, "SECC-1"), Leaf.STATION, "not the station's identity"),
        (csr(KEY, "SECC-1", extensions=[names("CP1")]), SECC, "another name"),
        (csr(KEY, "CP1", more=[(DC, "MO")]), SECC, "its DC is 'MO'"),
        (csr(KEY, "CP1", more=[(DC, "CPO"), (DC, "MO")]), Leaf.COMBINED, "its DC is 'CPO, MO'"),
        (csr(KEY, "CP1", organization="Other"), SECC, "not 'Els'"),
        (csr(rsa.generate_private_key(65537, 2048), "CP1"), SECC, "which cars do not know"),
        (csr(ed448.Ed448PrivateKey.generate(), "CP1"), SECC, "neither RSA nor ECDSA"),
        (csr(ed448.Ed448PrivateKey.generate(), "CP1"), Leaf.STATION, "neither RSA nor ECDSA"),
    ],
)
def test_any_other_request_for_cars_is_refused_and_told_why(pem: str, leaf: Leaf, why: str) -> None:
    found = read_request(pem, "CP1", "Els", leaf, ["SECC-1"])
    assert isinstance(found, str), "it was taken"
    assert why in found


def test_a_request_that_was_tampered_with_is_refused() -> None:
    der = bytearray(base64.b64decode("".join(GOOD.splitlines()[1:-1])))
    place = der.index(b"CP1")
    der[place : place + 3] = b"CP2"
    pem = "-----BEGIN CERTIFICATE REQUEST-----\n%s-----END CERTIFICATE REQUEST-----\n"
    found = read_request(pem % base64.encodebytes(bytes(der)).decode(), "CP2", "Els")
    assert found == "its signature is not of the key that it holds"


def test_without_a_configured_organization_any_will_do() -> None:
    assert isinstance(read_request(csr(KEY, "CP1", organization=None), "CP1", None), Asked)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    authority.make_authority(tmp_path / "ca", "Els stations", "Els", NOW)
    return tmp_path / "ca"


def asked(pem: str = GOOD) -> Asked:
    found = read_request(pem, "CP1", "Els")
    assert isinstance(found, Asked), found
    return found


async def test_the_folders_authority_signs_for_clients_and_for_the_time_that_is_set(folder: Path) -> None:
    given = await FolderAuthority(folder, timedelta(days=30)).sign(asked(), NOW)
    signed = signed_chain(asked(), reversed(given), NOW)
    assert signed.ends_at == NOW + timedelta(days=30)
    (own,) = x509.load_pem_x509_certificates(signed.chain.encode())
    assert own.public_key() == KEY.public_key(), "the root is not sent: the station has it"
    use = own.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert [one.dotted_string for one in use] == ["1.3.6.1.5.5.7.3.2"]
    assert signed.serial == f"{own.serial_number:x}"


async def test_an_authority_that_is_not_there_is_asked_again_later(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(NotNow):
        await FolderAuthority(tmp_path / "none", timedelta(days=1)).sign(asked(), NOW)
    other = csr(KEY, "CP1", organization="Other")
    found = read_request(other, "CP1", None)
    assert isinstance(found, Asked)
    with pytest.raises(NotSigned, match="its O is 'Other'"):
        await FolderAuthority(folder, timedelta(days=1)).sign(found, NOW)


async def test_what_an_authority_gives_must_be_the_stations(folder: Path) -> None:
    days = timedelta(days=1)
    own, root = await FolderAuthority(folder, days).sign(asked(), NOW)
    foreign, _ = await FolderAuthority(folder, days).sign(asked(csr(new_key(), "CP1")), NOW)
    with pytest.raises(NotSigned, match="gave 0 certificates of the station's key"):
        signed_chain(asked(), (foreign, root), NOW)
    with pytest.raises(NotSigned, match="ended on"):
        signed_chain(asked(), (own, root), NOW + timedelta(days=2))
    with pytest.raises(NotSigned, match="signed for 'CP1', not for 'CP2'"):
        signed_chain(Asked("CP2", asked().request), (own, root), NOW)


def test_a_chain_is_put_in_order_and_a_stranger_and_the_root_are_left_out() -> None:
    root, between, own = _hierarchy(2)
    stranger = _hierarchy(1)[0]
    signed = signed_chain(asked(), (stranger, root, between, own), NOW)
    assert x509.load_pem_x509_certificates(signed.chain.encode()) == [own, between]


def test_a_chain_that_no_station_takes_is_not_sent() -> None:
    *above, own = _hierarchy(9, padding="x" * 1500)
    with pytest.raises(NotSigned, match=f"OCPP takes {MOST_CHARACTERS}"):
        signed_chain(asked(), (own, *above), NOW)


def _hierarchy(depth: int, padding: str = "") -> list[x509.Certificate]:
    """A root, authorities below it, and a certificate of ``KEY``: the root first."""
    made: list[x509.Certificate] = []
    signer, issuer = new_key(), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority 0")])
    for level in range(depth + 1):
        last = level == depth
        key = KEY if last else (signer if level == 0 else new_key())
        subject = x509.Name(
            [x509.NameAttribute(NameOID.COMMON_NAME, "CP1" if last else f"Authority {level}")]
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=1))
            .not_valid_after(NOW + timedelta(days=9))
            .add_extension(x509.BasicConstraints(ca=not last, path_length=None), critical=True)
        )
        if padding:
            comment = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), padding.encode())
            builder = builder.add_extension(comment, critical=False)
        made.append(builder.sign(signer, hashes.SHA256()))
        signer, issuer = key, subject
    return made

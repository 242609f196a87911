"""A contract's chain, followed up to a root of the operator's."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID
from hypothesis import example, given
from hypothesis import strategies as st

from contracts import DAY, EMAID, Holder, chain_of, issued
from elstrada.model.certificates import ContractStatus
from elstrada.roles.contracts.authorities import Authorities, read_authorities
from elstrada.roles.contracts.chain import Doubt, checked_chain
from elstrada.roles.contracts.emaid import is_same
from elstrada.roles.contracts.face import Known

ROOT = issued("MO Root")
SUB1 = issued("MO Sub 1", ROOT, path_length=1)
SUB2 = issued("MO Sub 2", SUB1, path_length=0)
STRANGER = issued("Stranger")
KNOWN = Known((ROOT.certificate,))


class Bad(NamedTuple):
    chain: str
    status: ContractStatus
    says: str


def contract(above: Holder = SUB2, name: str = EMAID, **more: object) -> Holder:
    return issued(name, above, ca=False, **more)  # type: ignore[arg-type]


def forged(name: str, above: Holder, **more: object) -> Holder:
    """Of an authority of the same name with another key."""
    return issued(name, issued(above.certificate.subject.rfc4514_string().removeprefix("CN=")), ca=False)


WHOLE = contract()
UNKNOWN_EXTENSION = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
UNREADABLE = x509.UnrecognizedExtension(ExtensionOID.KEY_USAGE, b"\x05\x00")
NO_CERTIFICATES = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


def under(*, ends: object = 365 * DAY, **more: object) -> str:
    return chain_of(contract(issued("MO Sub 9", SUB1, ends=ends, **more)))  # type: ignore[arg-type]


BAD: dict[str, Callable[[], Bad]] = {
    "ended": lambda: Bad(chain_of(contract(ends=-DAY)), ContractStatus.CERTIFICATE_EXPIRED, "ended on"),
    "an authority has ended": lambda: Bad(
        under(ends=-DAY), ContractStatus.CERTIFICATE_EXPIRED, "MO Sub 9 ended"
    ),
    "not begun": lambda: Bad(chain_of(contract(begins=DAY)), ContractStatus.CERT_CHAIN_ERROR, "begins on"),
    "of another contract": lambda: Bad(
        chain_of(contract(name="SERETC00000002X")), ContractStatus.CERT_CHAIN_ERROR, "another contract"
    ),
    "forged": lambda: Bad(
        forged(EMAID, SUB2).pem + SUB2.pem + SUB1.pem, ContractStatus.SIGNATURE_ERROR, "not of its issuer"
    ),
    "of a stranger's root": lambda: Bad(
        chain_of(contract(issued("Sub", issued("Stranger")))), ContractStatus.CERT_CHAIN_ERROR, "no root"
    ),
    "with its own root": lambda: Bad(
        chain_of(contract(STRANGER)) + STRANGER.pem,
        ContractStatus.CERT_CHAIN_ERROR,
        "no root",
    ),
    "with a gap": lambda: Bad(contract().pem + SUB1.pem, ContractStatus.CERT_CHAIN_ERROR, "no root"),
    "issued by a contract": lambda: Bad(
        chain_of(contract(issued("SERETC00000007X", SUB2, ca=False))),
        ContractStatus.CERT_CHAIN_ERROR,
        "may not issue",
    ),
    "a chain longer than allowed": lambda: Bad(
        chain_of(contract(issued("MO Sub 3", SUB2))), ContractStatus.CERT_CHAIN_ERROR, "may not issue"
    ),
    "an authority whose key is for something else": lambda: Bad(
        under(more=[(NO_CERTIFICATES, True)]), ContractStatus.CERT_CHAIN_ERROR, "not for certificates"
    ),
    "an authority itself": lambda: Bad(
        chain_of(issued(EMAID, SUB1)), ContractStatus.CERT_CHAIN_ERROR, "an authority's"
    ),
    "with a condition that nobody knows": lambda: Bad(
        chain_of(contract(more=[(UNKNOWN_EXTENSION, True)])), ContractStatus.CERT_CHAIN_ERROR, "critical"
    ),
    "with an extension that cannot be read": lambda: Bad(
        chain_of(contract(more=[(UNREADABLE, False)])), ContractStatus.CERT_CHAIN_ERROR, "cannot be read"
    ),
    "too long": lambda: Bad(
        chain_of(contract()) + SUB1.pem * 5, ContractStatus.CERT_CHAIN_ERROR, "8 certificates"
    ),
    "empty": lambda: Bad("", ContractStatus.NO_CERTIFICATE_AVAILABLE, "no certificate"),
    "broken": lambda: Bad(
        contract().pem[:200] + "\n-----END CERTIFICATE-----\n", ContractStatus.CERT_CHAIN_ERROR, "no chain"
    ),
}


@pytest.mark.parametrize("how", BAD)
def test_a_chain_that_is_no_good_is_refused_and_says_why(how: str) -> None:
    bad = BAD[how]()
    with pytest.raises(Doubt, match=bad.says) as doubt:
        checked_chain(bad.chain, EMAID, KNOWN, datetime.now(UTC))
    assert doubt.value.status is bad.status


def test_a_good_chain_is_followed_whatever_its_order_and_whoever_else_is_known() -> None:
    own = contract()
    links = checked_chain(own.pem + SUB1.pem + SUB2.pem + ROOT.pem, EMAID, KNOWN, datetime.now(UTC))
    assert [link.certificate for link in links] == [own.certificate, SUB2.certificate, SUB1.certificate]
    assert links[-1].issuer == ROOT.certificate
    known = Known((ROOT.certificate, SUB1.certificate, SUB2.certificate))
    assert checked_chain(own.pem, EMAID, known, datetime.now(UTC)) == links


def test_an_authority_below_a_root_is_no_root() -> None:
    """Known for the answers of its OCSP responder, it is trusted as far as its root is."""
    with pytest.raises(Doubt, match="no root"):
        checked_chain(contract().pem, EMAID, Known((SUB2.certificate,)), datetime.now(UTC))


@given(st.integers(0, 2_000), st.integers(1, 255))
@example(11, 1).via("a version that there is not, where the lengths of the certificate take one byte less")
@example(12, 1).via("a version that there is not")
def test_no_change_of_a_byte_changes_what_is_taken_or_breaks_anything(place: int, change: int) -> None:
    own, now = WHOLE.certificate, datetime.now(UTC)
    der = bytearray(own.public_bytes(Encoding.DER))
    der[place % len(der)] ^= change
    body = base64.encodebytes(bytes(der)).decode()
    pem = f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n"
    try:
        links = checked_chain(pem + SUB2.pem + SUB1.pem, EMAID, KNOWN, now)
    except Doubt:
        return
    # How many bits of the signature count is not signed; there are none that do not.
    assert links[0].certificate.tbs_certificate_bytes == own.tbs_certificate_bytes
    assert links[0].certificate.signature == own.signature


@given(st.text(max_size=300))
def test_no_text_is_a_chain(text: str) -> None:
    with pytest.raises(Doubt):
        checked_chain(f"-----BEGIN CERTIFICATE-----\n{text}", EMAID, KNOWN, datetime.now(UTC))


async def test_changed_files_of_authorities_are_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "roots.pem"
    file.write_text(ROOT.pem)
    authorities = Authorities([file])
    assert (await authorities.known()).roots == (ROOT.certificate,)
    file.write_text(ROOT.pem + SUB1.pem)
    assert len((await authorities.known()).certificates) == 2


@pytest.mark.parametrize("content", ["", "no PEM", "x" * (1 << 21)])
def test_a_file_that_holds_no_authorities_is_not_read_as_none(tmp_path: Path, content: str) -> None:
    file = tmp_path / "roots.pem"
    file.write_text(content)
    with pytest.raises(ValueError, match=r"roots\.pem"):
        read_authorities([file])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("SERETC00000001X", "SE-RET-C00000001-X", True),
        ("SERETC00000001X", "seretc00000001", True),
        ("SE*RET*C00000001", "SERETC00000001", True),
        ("SERETC00000001X", "SERETC00000001Y", False),
        ("SERETC00000001", "SERETC00000002X", False),
        ("SERETC0000000", "SERETC00000001", False),
        ("", "", False),
    ],
)
def test_emaids_are_compared_without_what_may_be_left_out(one: str, other: str, same: bool) -> None:
    assert is_same(one, other) is is_same(other, one) is same

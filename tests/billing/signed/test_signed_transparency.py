"""The file for a driver's transparency software: well formed, and what was signed is in it unchanged."""

from __future__ import annotations

import base64
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from elstrada.billing.signed.transparency import transparency_xml
from elstrada.billing.signed.verify import verify
from elstrada.model.cdr import SignedData, SignedValue
from elstrada.model.signed import SignatureStatus
from ocmf_scene import payload, reading, record, signer

METER = signer("secp192r1")
BEGIN = record(METER, payload("T1", reading("B", "1.0"), extra=',"TT":"<1 & 2 \\"Öre\\">"'))
END = record(METER, payload("T2", reading("E", "2.0")))


def blob(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def data(*values: tuple[str, str], method: str = "OCMF", key: str | None = None) -> SignedData:
    signed = tuple(SignedValue(nature, "", content) for nature, content in values)
    return SignedData(method, signed, public_key=key)


def parsed(told: SignedData) -> list[ElementTree.Element]:
    root = ElementTree.fromstring(transparency_xml(told).encode())
    assert root.tag == "values"
    return list(root)


def test_values_stand_in_it_as_they_were_signed_with_the_key_as_it_is_printed() -> None:
    told = data(
        ("Start", blob(BEGIN)),
        ("Intermediate", BEGIN),
        ("End", blob(END)),
        key=base64.b64encode(METER.key.der).decode(),
    )
    values = parsed(told)
    assert [dict(value.attrib) for value in values] == [
        {"transactionId": "1", "context": "Transaction.Begin"},
        {"transactionId": "1", "context": "Sample.Periodic"},
        {"transactionId": "1", "context": "Transaction.End"},
    ]
    for value, text in zip(values, (BEGIN, BEGIN, END), strict=True):
        assert [one.tag for one in value] == ["publicKey", "signedData"]  # The order of the schema.
        key, signed = value
        assert (key.text, key.attrib) == (METER.key.der.hex(), {"encoding": "hex"})
        assert (signed.text, signed.attrib) == (text, {"format": "OCMF", "encoding": "plain"})


def test_what_the_file_holds_verifies_like_the_cdr() -> None:
    told = data(("Start", blob(BEGIN)), ("End", blob(END)), key=METER.key.der.hex())
    values = parsed(told)
    again = data(
        *(("Start", value.findtext("signedData") or "") for value in values),
        key=values[0].findtext("publicKey"),
    )
    assert verify(again).status is verify(told).status is SignatureStatus.VERIFIED


def test_binary_formats_stay_base64_and_keys_we_cannot_read_as_they_came() -> None:
    content = base64.b64encode(bytes(range(256))).decode()
    (value,) = parsed(data(("End", content), method="EDL40 E-Mobility Extension", key="? & !"))
    key, signed = value
    assert (key.text, key.attrib) == ("? & !", {})
    assert (signed.text, signed.attrib) == (content, {"format": "EDL_40_P", "encoding": "base64"})


def test_a_format_we_do_not_know_is_not_named_and_a_key_that_is_not_there_left_out() -> None:
    (value,) = parsed(data(("End", "AAAA"), method="new"))
    assert [(one.tag, one.attrib) for one in value] == [("signedData", {"encoding": "base64"})]


@given(st.text(), st.text(), st.text(), st.text())
def test_whatever_a_partner_sends_the_file_is_xml_without_controls(
    nature: str, content: str, method: str, key: str
) -> None:
    told = data((nature, content), (nature, blob_of(content)), method=method, key=key)
    text = transparency_xml(told)
    assert len(ElementTree.fromstring(text.encode())) == 2
    assert not [char for char in text if ord(char) < 0x20 and char not in "\n\t"]


def blob_of(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()

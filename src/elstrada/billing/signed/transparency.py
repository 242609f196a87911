"""Signed values as a file for the transparency software, with which a driver checks them himself.

Source: S.A.F.E. transparenzsoftware, values.xsd.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from elstrada.billing.signed import ocmf
from elstrada.billing.signed.curves import DEFAULT
from elstrada.billing.signed.keys import NoKey, read_key
from elstrada.billing.signed.signature import NoSignature, curve_of
from elstrada.billing.signed.wrapping import Content, unwrapped
from elstrada.model.cdr import SignedData

_FORMATS = {
    "ocmf": "OCMF",
    "alfen eichrecht": "ALFEN",
    "edl40 e-mobility extension": "EDL_40_P",
    "edl40 mennekes": "EDL_40_MENNEKES",
    "pcdf": "PCDF",
}
"""Names of OCPI, and what the software calls them; of another it looks for itself."""
_CONTEXTS = {"start": "Transaction.Begin", "end": "Transaction.End"}
_TRANSACTION = 1
"""Only groups the values of one file."""
_PLAIN = re.compile(r"[\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
"""What XML 1.0 gives back as it was, and no terminal obeys; of a carriage return XML makes a line feed."""


def transparency_xml(data: SignedData) -> str:
    """The file: the values in their order, each with the key, and nothing that was signed changed."""
    return "\n".join(('<?xml version="1.0" encoding="UTF-8"?>', "<values>", *_values(data), "</values>", ""))


def _values(data: SignedData) -> Iterator[str]:
    for value in data.signed_values:
        content = unwrapped(value.signed_data)
        context = _CONTEXTS.get(value.nature.lower(), "Sample.Periodic")
        yield f'  <value transactionId="{_TRANSACTION}" context={quoteattr(context)}>'
        if key := _key(data, content):
            yield f"    {key}"
        yield f"    {_signed(data, content)}"
        yield "  </value>"


def _signed(data: SignedData, content: Content) -> str:
    told = _FORMATS.get((content.method or data.encoding_method).lower())
    of = f" format={quoteattr(told)}" if told else ""
    if content.text is not None and _PLAIN.fullmatch(content.text):
        return f'<signedData{of} encoding="plain">{escape(content.text)}</signedData>'
    return f'<signedData{of} encoding="base64">{base64.b64encode(content.bytes).decode()}</signedData>'


def _key(data: SignedData, content: Content) -> str:
    """In hexadecimal digits, as it is printed on the meter; one that we cannot read as it came."""
    record = _record(content)
    text = data.public_key or (record.key if record else "")
    if not text or not _PLAIN.fullmatch(text):
        return ""
    try:
        key = read_key(text, curve_of(record) if record else DEFAULT)
    except (NoKey, NoSignature):
        return f"<publicKey>{escape(text)}</publicKey>"
    return f'<publicKey encoding="hex">{key.der.hex()}</publicKey>'


def _record(content: Content) -> ocmf.Record | None:
    try:
        return ocmf.read(content.text or "")
    except ocmf.NotOcmf:
        return None

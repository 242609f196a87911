"""The signed values of a session as its CDR carries them; nothing that was signed changes a byte on the way."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence

import msgspec

from elstrada.billing.signed import ocmf
from elstrada.billing.signed.curves import DEFAULT
from elstrada.billing.signed.keys import NoKey, read_key
from elstrada.billing.signed.signature import NoSignature, curve_of
from elstrada.billing.signed.wrapping import Content, unwrapped
from elstrada.model.cdr import SignedData, SignedValue
from elstrada.model.quantity import MeterSample

MOST = 5_000
"""Characters of a value, plain or signed (OCPI SignedValue)."""
MOST_KEY = 512
"""Characters of a key (OCPI SignedData)."""
MOST_VALUES = 100
"""Values of one CDR: those of its start and end, and the first between them."""
UNNAMED = "unknown"
"""Encoding of values of which nobody said what they are."""
START, INTERMEDIATE, END = "Start", "Intermediate", "End"
_NATURES = {"Transaction.Begin": START, "Transaction.End": END}
_ORDER = (START, INTERMEDIATE, END)


class Signed(msgspec.Struct, frozen=True):
    """What goes into the CDR."""

    data: SignedData | None
    """None: nothing was signed."""
    left_out: tuple[str, ...] = ()
    """What a CDR has no room for, each a sentence."""


class _Value(msgspec.Struct, frozen=True):
    nature: str
    content: Content
    record: ocmf.Record | None
    """The same as OCMF, if it is."""
    sent: int
    """In the order in which the station sent them."""

    @property
    def place(self) -> tuple[int, int, int]:
        """Its place in the CDR."""
        page = self.record.page if self.record else None
        return _ORDER.index(self.nature), page.number if page else 0, self.sent


def signed_of(samples: Iterable[MeterSample], key: str = "") -> Signed:
    """Put together what a session's samples hold of signed values.

    Args:
        samples: of the session, in any order; the same value may be in several.
        key: of the meter, if its station told it apart from the values; one that came with them goes before it.
    """
    values = _values(samples)
    if not values:
        return Signed(None)
    method = values[-1].content.method
    alike = [value for value in values if value.content.method == method]
    fitting = [value for value in alike if len(_blob(value.content)) <= MOST]
    chosen = sorted(_chosen(fitting), key=lambda value: value.place)
    left_out = tuple(_left_out(values, alike, fitting, chosen))
    if not chosen:
        return Signed(None, left_out)
    said = next((value.content.key for value in chosen if value.content.key), key)
    record = next((value.record for value in chosen if value.record is not None), None)
    written = _key_of(said, record)
    if len(written) > MOST_KEY:
        written, left_out = "", (*left_out, f"a public key of {len(written)} characters")
    return Signed(
        SignedData(
            encoding_method=(method or UNNAMED)[:36],
            encoding_method_version=record and _major(record.version),
            public_key=written or None,
            signed_values=tuple(
                SignedValue(value.nature, _plain(value.content), _blob(value.content)) for value in chosen
            ),
        ),
        left_out,
    )


def _values(samples: Iterable[MeterSample]) -> list[_Value]:
    """Each once, by the time of their samples; what is said with the end is not also an intermediate value."""
    found: dict[bytes, _Value] = {}
    for sample in sorted(samples, key=lambda one: one.at):
        for reading in sample.readings:
            if not reading.signed:
                continue
            content = unwrapped(reading.signed)
            value = _value(content, _NATURES.get(sample.context, INTERMEDIATE), len(found))
            known = found.get(content.bytes)
            if known is None or known.nature == INTERMEDIATE != value.nature:
                found[content.bytes] = value
    return list(found.values())


def _value(content: Content, nature: str, sent: int) -> _Value:
    record = _record(content)
    reasons = {one.reason for one in record.readings} if record else set[str]()
    if reasons & ocmf.ENDS:
        nature = END  # One record of begin and end is signed at the end.
    elif ocmf.BEGINS in reasons:
        nature = START
    return _Value(nature, content, record, sent)


def _record(content: Content) -> ocmf.Record | None:
    if content.text is None or not ocmf.is_ocmf(content.text):
        return None
    try:
        return ocmf.read(content.text)
    except ocmf.NotOcmf:
        return None  # It is passed on, and the verifier says why it cannot be read.


def _chosen(values: Sequence[_Value]) -> list[_Value]:
    between = [value for value in values if value.nature == INTERMEDIATE]
    outer = [value for value in values if value.nature != INTERMEDIATE][:MOST_VALUES]
    return outer + between[: MOST_VALUES - len(outer)]


def _left_out(
    values: Sequence[_Value], alike: Sequence[_Value], fitting: Sequence[_Value], chosen: Sequence[_Value]
) -> Iterable[str]:
    for count, why in (
        (len(values) - len(alike), "of another encoding"),
        (len(alike) - len(fitting), f"longer than {MOST} characters"),
        (len(fitting) - len(chosen), f"beyond the first {MOST_VALUES}"),
    ):
        if count:
            yield f"{count} signed values {why}"


def _plain(content: Content) -> str:
    return _blob(content) if content.text is None else content.text


def _blob(content: Content) -> str:
    """As OCPI has it: base64, whatever it was in before."""
    return base64.b64encode(content.bytes).decode()


def _key_of(text: str, record: ocmf.Record | None) -> str:
    """The key as OCPI has it, base64 of its DER; one that we cannot read as it was written."""
    try:
        curve = DEFAULT if record is None else curve_of(record)
        return base64.b64encode(read_key(text, curve).der).decode() if text else ""
    except (NoKey, NoSignature):
        return text


def _major(version: str) -> int | None:
    """Of a version such as 1.4, as OCPI has room for a whole number only."""
    major = version.split(".", 1)[0]
    return int(major) if major.isascii() and major.isdigit() and len(major) < 4 else None

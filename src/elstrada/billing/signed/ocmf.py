"""OCMF records, read as leniently as meters write them; what is signed stays as it came, byte for byte.

Source: OCMF 1.4.1. Meters of earlier versions write numbers as texts, leave fields out, and add their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

import msgspec

HEADER = "OCMF"
LONGEST = 65_536
"""Characters of a record. What fits into a CDR has 5,000."""
MOST_READINGS = 1_000
BEGINS, TARIFF_CHANGES = "B", "T"
ENDS = frozenset("ELRAP")
"""End of transaction, and why: locally, remotely, abort, power failure."""
_DIGITS = 30
_PLACES = 12


class NotOcmf(Exception):
    """It is no OCMF record that we can read; the message says why."""


class Reading(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a meter said at one instant. A field that a record leaves out is that of the reading before."""

    at: datetime | None = None
    """None: its time cannot be read."""
    clock: str = ""
    """U unknown, I informative, S synchronised, R relative (table 19)."""
    reason: str = ""
    """TX: B, C, X, E, L, R, A, P, S, T; empty without a transaction."""
    value: Decimal | None = None
    """RV with all its decimals, which are significant."""
    quantity: str = ""
    """RI, an OBIS code; empty: not said."""
    unit: str = ""
    """kWh or Wh."""
    current: str = ""
    """RT: AC or DC."""
    loss: Decimal | None = None
    """CL, in the same unit: what the cable lost since the begin, and ``value`` does not count."""
    errors: str = ""
    """EF: E energy, t time not usable for billing."""
    state: str = ""
    """ST: G good (table 10)."""


class LossCompensation(msgspec.Struct, frozen=True):
    """LC, of the cable (table 24)."""

    resistance: Decimal | None
    unit: str
    """mOhm or uOhm."""
    name: str = ""
    id: str = ""


class Page(msgspec.Struct, frozen=True, order=True):
    """PG: the place of a record among all of its context."""

    context: str
    """T transactions, F fiscal."""
    number: int

    def __str__(self) -> str:
        return f"{self.context}{self.number}"


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One record, of which nobody has checked the signature yet."""

    payload: bytes
    """What is signed."""
    signature: str
    """SD, as it is written."""
    algorithm: str
    """SA; empty: the default."""
    encoding: str
    """SE; empty: the default, hex."""
    version: str
    gateway: str
    """GS, the serial number of what signs."""
    meter: str
    """MS, the serial number of the meter."""
    page: Page | None
    readings: tuple[Reading, ...]
    tariff: str
    """TT."""
    loss: LossCompensation | None
    key: str
    """A fourth section, which older versions had for the public key."""


_Text = msgspec.Raw
"""A text; some write it as a number."""
_NOTHING = msgspec.Raw()


class _Reading(msgspec.Struct):
    tm: str | None = msgspec.field(default=None, name="TM")
    tx: str | None = msgspec.field(default=None, name="TX")
    rv: Decimal | None = msgspec.field(default=None, name="RV")
    ri: str | None = msgspec.field(default=None, name="RI")
    ru: str | None = msgspec.field(default=None, name="RU")
    rt: str | None = msgspec.field(default=None, name="RT")
    cl: Decimal | None = msgspec.field(default=None, name="CL")
    ef: str | None = msgspec.field(default=None, name="EF")
    st: str | None = msgspec.field(default=None, name="ST")


class _Loss(msgspec.Struct):
    ln: _Text = msgspec.field(default=_NOTHING, name="LN")
    li: _Text = msgspec.field(default=_NOTHING, name="LI")
    lr: Decimal | None = msgspec.field(default=None, name="LR")
    lu: str | None = msgspec.field(default=None, name="LU")


class _Payload(msgspec.Struct):
    fv: _Text = msgspec.field(default=_NOTHING, name="FV")
    gs: _Text = msgspec.field(default=_NOTHING, name="GS")
    ms: _Text = msgspec.field(default=_NOTHING, name="MS")
    pg: _Text = msgspec.field(default=_NOTHING, name="PG")
    tt: _Text = msgspec.field(default=_NOTHING, name="TT")
    lc: _Loss | None = msgspec.field(default=None, name="LC")
    rd: list[_Reading] = msgspec.field(default_factory=list[_Reading], name="RD")


class _Signature(msgspec.Struct):
    sd: str = msgspec.field(name="SD")
    sa: str | None = msgspec.field(default=None, name="SA")
    se: str | None = msgspec.field(default=None, name="SE")


_payload = msgspec.json.Decoder(_Payload)
_signature = msgspec.json.Decoder(_Signature)


def is_ocmf(text: str) -> bool:
    return text.lstrip().startswith(f"{HEADER}|")


def read(text: str) -> Record:
    """Read one record.

    Raises:
        NotOcmf: it is none, or longer or deeper than any meter writes.
    """
    if len(text) > LONGEST:
        raise NotOcmf(f"a record of {len(text)} characters; {LONGEST} are read")
    sections = text.strip().split("|")
    if sections[0] != HEADER or not 3 <= len(sections) <= 4:
        raise NotOcmf("OCMF|payload|signature was expected")
    try:
        signed = sections[1].encode()
        payload, signature = _payload.decode(signed), _signature.decode(sections[2])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as problem:
        raise NotOcmf(f"its sections cannot be read: {problem}") from None
    if len(payload.rd) > MOST_READINGS:
        raise NotOcmf(f"{len(payload.rd)} readings in one record")
    return Record(
        payload=signed,
        signature=signature.sd,
        algorithm=signature.sa or "",
        encoding=signature.se or "",
        version=_text(payload.fv),
        gateway=_text(payload.gs),
        meter=_text(payload.ms),
        page=_page(_text(payload.pg)),
        readings=tuple(_readings(payload.rd)),
        tariff=_text(payload.tt),
        loss=None if payload.lc is None else _loss(payload.lc),
        key=sections[3] if len(sections) == 4 else "",
    )


_PAGE = re.compile(r"([A-Z])([0-9]{1,18})")
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[,.](\d{1,6}))?\s*(Z|[+-]\d\d:?\d\d)(?:\s+([A-Z]))?", re.ASCII
)


def _readings(found: Iterable[_Reading]) -> Iterable[Reading]:
    known = Reading()
    for one in found:
        at, clock = (known.at, known.clock) if one.tm is None else _moment(one.tm)
        known = Reading(
            at=at,
            clock=clock,
            reason=known.reason if one.tx is None else one.tx,
            value=_number(one.rv),
            quantity=known.quantity if one.ri is None else one.ri,
            unit=known.unit if one.ru is None else one.ru,
            current=known.current if one.rt is None else one.rt,
            loss=_number(one.cl),
            errors=known.errors if one.ef is None else one.ef,
            state=known.state if one.st is None else one.st,
        )
        yield known


def _moment(text: str) -> tuple[datetime | None, str]:
    found = _TIME.fullmatch(text.strip())
    if found is None:
        return None, ""
    day, fraction, zone, clock = found.groups()
    try:
        at = datetime.fromisoformat(f"{day}.{(fraction or '0').ljust(6, '0')}{zone}")
    except ValueError:
        return None, ""
    return at, clock or ""


def _page(text: str) -> Page | None:
    found = _PAGE.fullmatch(text)
    return Page(found[1], int(found[2])) if found else None


def _loss(told: _Loss) -> LossCompensation:
    return LossCompensation(_number(told.lr), told.lu or "", _text(told.ln), _text(told.li))


def _number(told: Decimal | None) -> Decimal | None:
    """None also of what no register shows, such as 1E+400."""
    if told is None or not told.is_finite():
        return None
    exponent = told.as_tuple().exponent
    assert isinstance(exponent, int), "a finite number has a whole exponent"
    return told if exponent >= -_PLACES and told.adjusted() < _DIGITS else None


def _text(told: _Text) -> str:
    written = bytes(told).decode()
    if written.startswith('"'):
        return msgspec.json.decode(told, type=str)
    return "" if written == "null" else written

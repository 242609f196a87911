"""Which register of an OCMF record counts, and what is not in order with its readings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import pairwise

from elstrada.billing.signed.ocmf import BEGINS, ENDS, Reading, Record

_ORDER = ("B3", "B1", "1", "B2", "B0")
"""Field C of the import registers, what is sold first: at the car, before at the meter (OCMF 1.4.1 table 25)."""
_OBIS = re.compile(r"(?:[0-9A-F]{1,2}-[0-9A-F]{1,2}:)?0?(1|B[0-3])\.0?8\.[0-9A-F*&]*", re.IGNORECASE)
_KWH = {"kwh": Decimal(1), "wh": Decimal("0.001")}
_GOOD = "G"


def energy(records: Sequence[Record]) -> tuple[Decimal | None, Decimal | None]:
    """Where the register that counts stood at the begin and at the end of the transaction, in kWh.

    None: no record tells it; of a register that tells both it is never one alone.
    """
    begins = _registers(records, frozenset({BEGINS}))
    ends = _registers(records, ENDS)
    for quantity in sorted(begins, key=_rank):
        if quantity in ends:
            return begins[quantity], ends[quantity]
    return _best(begins), _best(ends)


def faults(records: Sequence[Record]) -> Iterator[str]:
    """What the readings themselves, and the order of the records, say against them. Source: OCMF 1.4.1."""
    yield from _foreign("gateway", {record.gateway for record in records})
    yield from _foreign("meter", {record.meter for record in records})
    pages = sorted(record.page for record in records if record.page is not None)
    if len(pages) < len(records):
        yield "a record has no page"
    for one, after in pairwise(pages):
        if (one.context, one.number + 1) != (after.context, after.number):
            yield f"page {after} follows page {one}"
    yield from sorted({said for record in records for said in _unusable(record.readings)})


def _foreign(what: str, serials: set[str]) -> Iterator[str]:
    if len(serials) > 1:
        yield f"the records are of {len(serials)} {what}s: {', '.join(sorted(serials))}"


def _unusable(readings: Iterable[Reading]) -> Iterator[str]:
    """The meter's own word that a reading is not good for billing."""
    for one in readings:
        if "E" in one.errors:
            yield "the meter says that its energy is not usable (EF)"
        if one.state not in ("", _GOOD):
            yield f"the meter's state is {one.state[:20]}, not {_GOOD}"


def _registers(records: Sequence[Record], reasons: frozenset[str]) -> dict[str, Decimal]:
    """By OBIS code: the first reading for one of these reasons."""
    found: dict[str, Decimal] = {}
    for record in records:
        for one in record.readings:
            value = _kwh(one)
            if one.reason in reasons and value is not None and _counts(one.quantity):
                found.setdefault(one.quantity, value)
    return found


def _best(registers: dict[str, Decimal]) -> Decimal | None:
    return registers[min(registers, key=_rank)] if registers else None


def _counts(quantity: str) -> bool:
    """Is it a register of energy taken from the grid? One without a name is taken to be the meter's own."""
    return not quantity or _OBIS.fullmatch(quantity) is not None


def _rank(quantity: str) -> int:
    """The lower, the sooner it counts."""
    found = _OBIS.fullmatch(quantity)
    return _ORDER.index(found[1].upper() if found else "1")


def _kwh(one: Reading) -> Decimal | None:
    factor = _KWH.get(one.unit.lower())
    return None if one.value is None or factor is None else one.value * factor

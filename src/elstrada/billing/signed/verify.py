"""Verifying the signed meter values of a CDR. Pricing 5.3; V38."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec

from elstrada.billing.signed import ocmf
from elstrada.billing.signed.keys import NoKey
from elstrada.billing.signed.registers import energy, faults
from elstrada.billing.signed.signature import NoSignature, is_signed
from elstrada.billing.signed.wrapping import unwrapped
from elstrada.model.cdr import SignedData, SignedValue
from elstrada.model.signed import SignatureStatus, SignedCheck

OCMF = "OCMF"
MOST_VALUES = 100
"""Values of one CDR that are looked at."""
MOST_SIGNATURES = 12
"""Of one CDR that are held against the key: on a curve that we reckon ourselves each takes milliseconds."""
_WH = Decimal("0.001")
_PER_MILLE = Decimal("0.001")


class _Verified(msgspec.Struct, frozen=True):
    """One value."""

    status: SignatureStatus
    says: str = ""
    record: ocmf.Record | None = None


def verify(data: SignedData, *, signatures: int = MOST_SIGNATURES) -> SignedCheck:
    """Say whether signed values are what the holder of the key signed, and what they tell of the energy.

    Whose key it is nobody can tell from the data: that is for whoever compares it with the one on the meter.
    Never raises, whatever a partner sent.

    Args:
        signatures: how many are held against the key. Pages and meters are compared over all records; the energy
            is told by records whose signature was looked at.
    """
    read = [_read(value, data.encoding_method) for value in data.signed_values[:MOST_VALUES]]
    records = [one for one in read if isinstance(one, ocmf.Record)]
    looked_at = _most_telling(read, signatures)
    unseen = f"{len(records) - len(looked_at)} of {len(records)} signatures were not looked at"
    found = [
        one
        if isinstance(one, _Verified)
        else _verified(one, data.public_key)
        if number in looked_at
        else _Verified(SignatureStatus.UNVERIFIED, unseen)
        for number, one in enumerate(read)
    ]
    statuses = tuple(one.status for one in found)
    wrong = list(_wrong(found, records))
    if len(data.signed_values) > MOST_VALUES:
        wrong.append(f"{len(data.signed_values)} values; {MOST_VALUES} are looked at")
    start, end = energy([one.record for one in found if one.record is not None])
    if start is not None and end is not None and end < start:
        wrong.append(f"the register ends at {end} kWh, below its start at {start}")
    return SignedCheck(
        status=next((status for status in SignatureStatus if status in statuses), SignatureStatus.UNREADABLE),
        values=statuses,
        wrong="; ".join(wrong),
        unverified="; ".join(dict.fromkeys(_unverified(found))),
        register_start=start,
        register_end=end,
    )


def doubt_of(check: SignedCheck, total_energy: Decimal) -> str | None:
    """What speaks against a CDR with these signed values, as a sentence; None: nothing that we can tell.

    Args:
        total_energy: kWh, as it is billed.
    """
    says = [check.wrong] if check.wrong else []
    signed = check.energy_kwh
    if signed is not None and abs(signed - total_energy) > max(_WH, abs(total_energy) * _PER_MILLE):
        says.append(f"the signed registers differ by {signed} kWh, total_energy is {total_energy}")
    return "; ".join((*says, *check.left_out)) or None


def _read(value: SignedValue, encoding: str) -> ocmf.Record | _Verified:
    """The record of a value, or what is to be said of one that is none."""
    content = unwrapped(value.signed_data)
    text = content.text if content.text is not None and ocmf.is_ocmf(content.text) else None
    if text is None and encoding.upper() != OCMF:
        return _Verified(
            SignatureStatus.UNVERIFIED, f"{encoding[:36] or 'an unnamed format'} has no verifier here"
        )
    if text is None:
        return _Verified(SignatureStatus.UNREADABLE, "no OCMF record")
    try:
        return ocmf.read(text)
    except ocmf.NotOcmf as problem:
        return _Verified(SignatureStatus.UNREADABLE, str(problem))


def _most_telling(read: Sequence[ocmf.Record | _Verified], most: int) -> set[int]:
    """Numbers of records: first those that tell begin or end, then the first, the last, and others in order."""
    records = [(number, one) for number, one in enumerate(read) if isinstance(one, ocmf.Record)]
    outer = [number for number, one in records if any(_is_outer(reading) for reading in one.readings)]
    numbers = [number for number, _ in records]
    return set(list(dict.fromkeys((*outer, *numbers[:1], *numbers[-1:], *numbers)))[:most])


def _is_outer(reading: ocmf.Reading) -> bool:
    return reading.reason == ocmf.BEGINS or reading.reason in ocmf.ENDS


def _verified(record: ocmf.Record, told_key: str | None) -> _Verified:
    """A record held against the key that came with the CDR, or else with itself."""
    key = told_key or record.key
    if not key:
        return _Verified(SignatureStatus.NO_KEY, "no public key came with it", record)
    try:
        is_genuine = is_signed(record, key)
    except (NoSignature, NoKey) as problem:
        return _Verified(SignatureStatus.UNREADABLE, str(problem), record)
    if is_genuine:
        return _Verified(SignatureStatus.VERIFIED, record=record)
    return _Verified(SignatureStatus.NOT_MATCHING, "the signature is not of this content and key", record)


def _wrong(found: Sequence[_Verified], records: Sequence[ocmf.Record]) -> Iterator[str]:
    if not found:
        yield "there is no signed value"
    for number, one in enumerate(found, 1):
        if one.status in (SignatureStatus.NOT_MATCHING, SignatureStatus.UNREADABLE):
            yield f"value {number}: {one.says}"
    yield from faults(records)


def _unverified(found: Sequence[_Verified]) -> Iterator[str]:
    for one in found:
        if one.status in (SignatureStatus.UNVERIFIED, SignatureStatus.NO_KEY):
            yield one.says

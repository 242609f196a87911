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
_WH = Decimal("0.001")
_PER_MILLE = Decimal("0.001")


class _Verified(msgspec.Struct, frozen=True):
    """One value."""

    status: SignatureStatus
    says: str = ""
    record: ocmf.Record | None = None


def verify(data: SignedData) -> SignedCheck:
    """Say whether signed values are what the holder of the key signed, and what they tell of the energy.

    Whose key it is nobody can tell from the data: that is for whoever compares it with the one on the meter.
    Never raises, whatever a partner sent.
    """
    values = data.signed_values[:MOST_VALUES]
    found = [_verified(value, data) for value in values]
    records = [one.record for one in found if one.record is not None]
    statuses = tuple(one.status for one in found)
    wrong = list(_wrong(found, records))
    if len(data.signed_values) > MOST_VALUES:
        wrong.append(f"{len(data.signed_values)} values; {MOST_VALUES} are looked at")
    start, end = energy(records)
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


def _verified(value: SignedValue, data: SignedData) -> _Verified:
    content = unwrapped(value.signed_data)
    text = content.text if content.text is not None and ocmf.is_ocmf(content.text) else None
    if text is None and data.encoding_method.upper() != OCMF:
        says = f"{data.encoding_method[:36] or 'an unnamed format'} has no verifier here"
        return _Verified(SignatureStatus.UNVERIFIED, says)
    if text is None:
        return _Verified(SignatureStatus.UNREADABLE, "no OCMF record")
    try:
        record = ocmf.read(text)
    except ocmf.NotOcmf as problem:
        return _Verified(SignatureStatus.UNREADABLE, str(problem))
    key = data.public_key or record.key
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

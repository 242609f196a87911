"""What a session's meter signed: put into its CDR, and verified beside it. Pricing 5.3."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from elstrada.billing.signed.of_session import signed_of
from elstrada.billing.signed.verify import MOST_VALUES, doubt_of, verify
from elstrada.model.facts import CdrIssued, Fact, MeterSampled
from elstrada.model.ids import PartyId
from elstrada.model.mirror import Variable
from elstrada.model.signed import SignatureStatus, SignedCheck
from elstrada.roles.mirrored import told
from elstrada.spine.face import Spine

DOUBTED = "signed-values"
"""Code of findings; their source is ``session:<owner>/<session id>``."""


async def with_signed(
    spine: Spine, owner: PartyId, station_id: str, evse_id: int, issued: CdrIssued, facts: Iterable[Fact]
) -> CdrIssued:
    """The CDR with the signed values of its session, if there are any.

    Args:
        facts: of the session.
    """
    samples = [sample for fact in facts if isinstance(fact, MeterSampled) for sample in fact.samples]
    if not any(reading.signed for sample in samples for reading in sample.readings):
        return issued
    signed = signed_of(samples, await meter_key(spine, owner, station_id, evse_id))
    if signed.data is None:
        check = SignedCheck(status=SignatureStatus.UNREADABLE, left_out=signed.left_out)
        return replace(issued, signed=check)
    check = replace(verify(signed.data, signatures=MOST_VALUES), left_out=signed.left_out)
    return replace(issued, cdr=replace(issued.cdr, signed_data=signed.data), signed=check)


async def meter_key(spine: Spine, owner: PartyId, station_id: str, evse_id: int) -> str:
    """The public key of an EVSE's meter, as its station told it in its configuration; empty: it did not.

    Source: OCPP 2.0.1 part 2 appendix 3, FiscalMetering; for 1.6 OCA's paper on signed meter values.
    """
    variables = (
        Variable(name=f"MeterPublicKey[{evse_id}]"),
        Variable(name="MeterPublicKey"),
        Variable(component="FiscalMetering", evse_id=evse_id, name="PublicKey"),
        Variable(component="FiscalMetering", name="PublicKey"),
    )
    keys = [variable.key for variable in variables]
    values = await told(spine, owner, station_id, *keys)
    return next((values[key] for key in keys if values.get(key)), "")


def doubt(issued: CdrIssued) -> str | None:
    """What speaks against a CDR's signed values, as a sentence; None: nothing, or it has none."""
    return issued.signed and doubt_of(issued.signed, issued.cdr.total_energy)

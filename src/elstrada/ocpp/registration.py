"""What may be said before a station is accepted, by it and to it.

Source: OCPP 1.6 §4.2, §4.2.1; OCPP 2.0.1 part 2, B01.FR.08, B01.FR.10, B02.FR.01 to 09, B03.FR.03, B03.FR.07.
"""

from __future__ import annotations

from collections.abc import Container

import msgspec

from elstrada.model.admission import Admission
from elstrada.model.device import Protocol

BOOT = "BootNotification"
TAKEN_ALWAYS = frozenset({"StartTransaction", "StopTransaction", "MeterValues"})
"""OCPP 1.6: what is recorded and answered even so.

No station should send them now, yet some do. Energy has flowed, there is no way to refuse it, and many
stations drop a message for ever that is answered with an error (1.6 §3.7.1 lets them after some tries).
"""
_REPORTS = {"GetBaseReport": "NotifyReport", "GetReport": "NotifyReport"}
_TRIGGERS = frozenset({"TriggerMessage", "ExtendedTriggerMessage"})
_STARTS = frozenset(
    {
        "RemoteStartTransaction",
        "RemoteStopTransaction",
        "RequestStartTransaction",
        "RequestStopTransaction",
    }
)


class _Trigger(msgspec.Struct, rename="camel"):
    requested_message: str = ""


_trigger = msgspec.json.Decoder(_Trigger).decode


def may_call(admission: Admission, protocol: Protocol, action: str, invited: Container[str]) -> bool:
    """May a station call this, or is SecurityError the answer?

    Args:
        admission: what the station was told last.
        invited: the calls that we asked for on this connection.
    """
    if admission is Admission.ACCEPTED or action == BOOT:
        return True
    if protocol is Protocol.OCPP16 and action in TAKEN_ALWAYS:
        return True
    return admission is Admission.PENDING and action in invited


def invitation(action: str, payload: bytes) -> str | None:
    """The call that a station makes because we called it with this."""
    if action not in _TRIGGERS:
        return _REPORTS.get(action)
    wanted = _trigger(payload).requested_message
    # SignChargingStationCertificate and its like all lead to the one call.
    return "SignCertificate" if wanted.startswith("Sign") else wanted


def withheld(admission: Admission, action: str) -> str | None:
    """Why a station is not called with this now; None: it is."""
    if admission is Admission.REJECTED:
        return "the station is rejected: nothing is sent to it"
    if admission is Admission.PENDING and action in _STARTS:
        return "the station is held: it starts and stops no session before it is accepted"
    return None

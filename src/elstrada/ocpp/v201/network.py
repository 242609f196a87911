"""Network connection profiles (OCPP 2.0.1 part 2, B09), of 2.1 too: what was set is kept, without its secrets."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from elstrada.model.mirror import Item, ItemKind, Learned
from elstrada.model.network import NetworkProfile
from elstrada.ocpp.table import Learning, learn
from elstrada.ocpp.v201 import messages as m
from elstrada.redaction import redacted

_encode = msgspec.json.Encoder().encode


def _set(request: m.SetNetworkProfileRequest, response: m.SetNetworkProfileResponse) -> Learned:
    """B09.FR.02: what is accepted takes the place of what lay in the slot."""
    if response.status != m.SetNetworkProfileStatusEnumType.ACCEPTED:
        return Learned()
    data = request.connection_data
    kept = NetworkProfile(
        slot=request.configuration_slot,
        url=redacted(data.ocpp_csms_url),
        interface=data.ocpp_interface,
        security_profile=data.security_profile,
        timeout_s=data.message_timeout,
        identity=getattr(data, "identity", None),  # 2.1.
        apn=data.apn and redacted(data.apn.apn),
        vpn=data.vpn and redacted(data.vpn.server),
    )
    return Learned(items=(Item(ItemKind.NETWORK_PROFILE, str(kept.slot), _encode(kept).decode()),))


FROM_ANSWERS: Mapping[str, Learning] = {
    "SetNetworkProfile": learn(m.SetNetworkProfileRequest, m.SetNetworkProfileResponse, _set),
}

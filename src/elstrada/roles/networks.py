"""What the mirror holds of a station's network profiles: for the desk, and for the gateway when it comes back."""

from __future__ import annotations

import msgspec

from elstrada.charging.network import ACTIVE, COMPONENT, PRIORITY, Networks, networks
from elstrada.model.mirror import ItemKind, Variable
from elstrada.model.network import NetworkProfile
from elstrada.ocpp.configuring import place_of
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Between, Spine, Where

_MOST = 2_000
"""Variables read: 2.1 has some twenty for each slot."""
_profile = msgspec.json.Decoder(NetworkProfile).decode
_variable = msgspec.json.Decoder(Variable).decode

QUESTION: dict[str, object] = {
    "getVariableData": [place_of(Variable.named(key)) for key in (PRIORITY, ACTIVE)]
}
"""The fields of the GetVariables that asks in which order a station tries its profiles, and which it came by."""


async def networks_of(spine: Spine, owner: str, station_id: str) -> Networks:
    """What is known of them.

    Raises:
        SpineDown: it cannot be read.
    """
    key: Where = {"owner": owner, "station_id": station_id}
    set_ = await spine.find(t.station_item, {**key, "kind": ItemKind.NETWORK_PROFILE.value}, limit=_MOST)
    variables: Where = {**key, "kind": ItemKind.VARIABLE.value}
    told = [
        *await spine.find(t.station_item, {**variables, "key": AnyOf((PRIORITY, ACTIVE))}, limit=2),
        *await spine.find(
            t.station_item,
            # Their keys are COMPONENT[slot]/name.
            {**variables, "key": Between(f"{COMPONENT}[", f"{COMPONENT}\\")},
            order=("key",),
            limit=_MOST,
        ),
    ]
    return networks(
        [_profile(str(row["document"])) for row in set_], [_variable(str(row["document"])) for row in told]
    )

"""Items of a station's mirror as every version makes them."""

from __future__ import annotations

import msgspec

from elstrada.model.mirror import Item, ItemKind, Monitor, Variable
from elstrada.ocpp.wire import Wire, encode
from elstrada.redaction import HIDDEN, is_secret_name, redacted, redacted_json

_encode = msgspec.json.Encoder().encode


def item(thing: Variable | Monitor) -> Item:
    """A thing of ours as an item, without the value of a secret."""
    if isinstance(thing, Monitor):
        return Item(ItemKind.MONITOR, str(thing.id), _encode(thing).decode())
    return Item(ItemKind.VARIABLE, thing.key, _encode(_without_secret(thing)).decode())


def words(message: Wire) -> str:
    """What a station said, as JSON, without secrets and tokens."""
    return redacted_json(encode(message).decode())


def _without_secret(variable: Variable) -> Variable:
    secret = is_secret_name(variable.name)
    shown = tuple(
        msgspec.structs.replace(one, value=one.value and (HIDDEN if secret else redacted(one.value)))
        for one in variable.attributes
    )
    return msgspec.structs.replace(variable, attributes=shown)

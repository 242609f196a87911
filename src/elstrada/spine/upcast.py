"""Facts as stored text, and old ones lifted to what the model knows today.

A fact that only gains fields with defaults needs nothing here. Any other change gets a new name; the
old struct leaves the model, and a row in ``LIFTS`` says how its text becomes the successor's.
Stored text is never rewritten, so a lift stays for ever. ``tests/golden/facts`` holds texts as they
were once written; all of them must decode.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from elstrada.model.facts import Fact

Body = dict[str, object]
Lift = Callable[[Body], Body]

LIFTS: Mapping[str, Lift] = {}
"""By the kind that no longer exists: its decoded body to the successor's, which names it in ``type``."""

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Fact] = msgspec.json.Decoder(Fact)
_bodies: msgspec.json.Decoder[Body] = msgspec.json.Decoder(Body)


def encode(fact: Fact) -> tuple[str, str]:
    """A fact's kind (its struct's name) and its JSON text, which names the kind again as ``type``."""
    return type(fact).__name__, _encoder.encode(fact).decode()


def decode(kind: str, body: str, lifts: Mapping[str, Lift] = LIFTS) -> Fact:
    """Read a stored fact, of whatever age.

    Raises:
        msgspec.ValidationError: neither the model nor ``lifts`` knows this kind.
    """
    return _decoder.decode(body if kind not in lifts else _lifted(kind, body, lifts))


def _lifted(kind: str, body: str, lifts: Mapping[str, Lift]) -> bytes:
    # Decimals stand as strings in the text, so nothing is rounded on the way through.
    fields = _bodies.decode(body)
    while kind in lifts:
        fields = lifts[kind](fields)
        kind = str(fields["type"])
    return _encoder.encode(fields)

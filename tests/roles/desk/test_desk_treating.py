"""`elstrada station treat`: what is done otherwise for one station."""

from __future__ import annotations

from typing import Any

import pytest
from desk_book import done

from elstrada.roles.desk.face import Desk, Kind, Refusal
from elstrada.roles.desk.table import verb_named
from jws import new_ec

KEY = new_ec()


@pytest.mark.rule(3, 6, 20)
async def test_what_is_said_of_a_station_is_kept_and_shown_and_the_rest_stays(desk: Desk) -> None:
    await done(desk, "party put", party="SE*ELS", roles=["CPO"], name="Els", currency="SEK")
    await done(desk, "station add", station="S1", strict=True)
    said: Any = await done(desk, "station treat", station="S1", ping="off")
    assert (said.ping, said.assume, said.schema) == ("off", "nothing", "strict")
    said = await done(desk, "station treat", station="S1", assume="ocpp1.6", schema="lenient")
    assert (said.ping, said.assume, said.schema) == ("off", "ocpp1.6", "lenient")
    card: Any = await done(desk, "station show", station="S1")
    assert (card.pinged, card.assumes, card.strict) == (False, "ocpp1.6", False)
    show = verb_named("station show").show
    assert show is not None
    assert show(card).startswith("S1 of SE*ELS, never pinged, assumed to speak ocpp1.6\n")
    said = await done(desk, "station treat", station="S1", assume="nothing", ping="on", schema="strict")
    card = await done(desk, "station show", station="S1")
    assert (card.pinged, card.assumes, card.strict) == (True, None, True)
    assert show(card).startswith("S1 of SE*ELS, strict\n")


async def test_signatures_are_looked_at_once_there_are_keys(desk: Desk) -> None:
    await done(desk, "party put", party="SE*ELS", roles=["CPO"], name="Els", currency="SEK")
    await done(desk, "station add", station="S1")
    keys = (KEY.pem + new_ec().public_pem).encode()
    said: Any = await done(desk, "station treat", station="S1", signing_keys=keys)
    assert (said.signatures, said.signing_keys) == ("off", 2)
    said = await done(desk, "station treat", station="S1", signatures="required")
    assert (said.signatures, said.signing_keys) == ("required", 2)
    said = await done(desk, "station treat", station="S1", signing_keys=KEY.pem.encode(), ping="off")
    assert (said.signatures, said.signing_keys, said.ping) == ("required", 1, "off")
    card: Any = await done(desk, "station show", station="S1")
    assert (card.signatures, card.signing_keys) == ("required", 1)
    show = verb_named("station show").show
    assert show is not None
    assert "  signatures required, by one of 1 keys\n" in show(card)
    said = await done(desk, "station treat", station="S1", signatures="off")
    assert (said.signatures, said.signing_keys) == ("off", 1), "kept for when they are looked at again"


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Kind.USAGE, {"station": "S1"}),
        (Kind.USAGE, {"station": "S1", "ping": "often"}),
        (Kind.USAGE, {"station": "S1", "assume": "ocpp1.5"}),
        (Kind.MISSING, {"station": "S9", "ping": "off"}),
        (Kind.USAGE, {"station": "S1", "signatures": "perhaps"}),
        (Kind.CONFLICT, {"station": "S1", "signatures": "checked"}),
        (Kind.CONFLICT, {"station": "S1", "signatures": "required"}),
        (Kind.INVALID, {"station": "S1", "signing_keys": b"no key"}),
        (Kind.INVALID, {"station": "S1", "signing_keys": KEY.private_pem.encode()}),
    ],
)
async def test_what_cannot_be_said_is_refused(desk: Desk, kind: Kind, values: dict[str, object]) -> None:
    await done(desk, "party put", party="SE*ELS", roles=["CPO"], name="Els", currency="SEK")
    await done(desk, "station add", station="S1")
    answer = await done(desk, "station treat", **values)
    assert isinstance(answer, Refusal)
    assert answer.kind is kind

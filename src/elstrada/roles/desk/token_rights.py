"""Verbs on a token's rights at our stations: ways of energy transfer (OCPP 2.1, block Q), and a tariff of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from elstrada.model.allowance import Allowance
from elstrada.model.party import Party, Role
from elstrada.roles.desk.face import Desk, Kind, Refused, Verb
from elstrada.roles.desk.lookups import document, needed, own_party
from elstrada.roles.desk.session_rights import known_transfers
from elstrada.roles.desk.shapes import Text36
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Row, Work


class AllowToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    uid: Annotated[
        str, Meta(min_length=1, max_length=255, description="As the card, app or contract presents it.")
    ]
    transfer: Annotated[
        tuple[str, ...],
        Meta(
            description="A way of energy transfer, such as AC_three_phase or DC_BPT; repeat. None: charging."
        ),
    ] = ()
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None


class TokenRights(msgspec.Struct, frozen=True):
    ref: str
    """The token's pseudonym."""
    transfer: tuple[str, ...]
    """Empty: charging alone, as always."""


async def allow_token(desk: Desk, params: AllowToken) -> TokenRights:
    """Say which ways of energy transfer a token's sessions may have, from the next time it is shown."""
    party = await own_party(desk, params.party, Role.CPO)
    transfer = known_transfers(params.transfer)
    ref = await _changed(
        desk, party, params.uid, lambda one: replace(one, transfer=transfer), anew=bool(transfer)
    )
    return TokenRights(ref, transfer)


class PriceToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    uid: Annotated[
        str, Meta(min_length=1, max_length=255, description="As the card, app or contract presents it.")
    ]
    tariff: Annotated[
        Text36 | None, Meta(description="Which of our tariffs; left out: its connector's, as always.")
    ] = None
    party: Annotated[str | None, Meta(description="Our CPO; needed only if there are several.")] = None


class TokenTariff(msgspec.Struct, frozen=True):
    ref: str
    """The token's pseudonym."""
    tariff: str | None
    """None: its sessions are priced by their connectors' tariffs."""


async def price_token(desk: Desk, params: PriceToken) -> TokenTariff:
    """Give a token a tariff of its own, by which its sessions are priced that begin from now on."""
    party = await own_party(desk, params.party, Role.CPO)
    tariff_id = params.tariff or ""
    if tariff_id:
        key = {"owner": str(party.id), "party": str(party.id), "tariff_id": tariff_id}
        await needed(desk, t.tariff, f"tariff {tariff_id} of {party.id}", "see `elstrada tariff list`", **key)
    ref = await _changed(
        desk, party, params.uid, lambda one: replace(one, tariff_id=tariff_id), anew=bool(tariff_id)
    )
    return TokenTariff(ref, params.tariff)


async def _changed(
    desk: Desk, party: Party, uid: str, change: Callable[[Allowance], Allowance], *, anew: bool
) -> str:
    """Change what a token may; its pseudonym.

    Args:
        anew: also if nothing is known of it.
    """
    key: Row = {"owner": str(party.id), "ref": desk.keys.token_ref(uid.strip())}
    row = await desk.spine.get(t.allowance, **key)
    if row is None and not anew:
        raise Refused(Kind.MISSING, "nothing is allowed to that token", "see `elstrada token limits`", "/uid")
    known = (
        Allowance(currency=party.currency)
        if row is None
        else msgspec.json.decode(str(row["document"]), type=Allowance)
    )
    columns: Row = {**key, "document": document(change(known)), "changed_at": desk.clock.now()}
    expected: Row = {} if row is None else {"document": row["document"]}
    await desk.spine.commit(Work(writes=(Put(t.allowance, columns, expected=expected),)))
    return str(key["ref"])


ALLOW = Verb(
    "token allow",
    "Say which ways of energy transfer a token's sessions may have, giving back among them (OCPP 2.1).",
    AllowToken,
    TokenRights,
    allow_token,
)
TARIFF = Verb(
    "token tariff",
    "Price a token's sessions at our stations by a tariff of its own.",
    PriceToken,
    TokenTariff,
    price_token,
)

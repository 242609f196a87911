"""One partner at the desk: what it is, what it does otherwise, and what is put up with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import msgspec
import pytest
from desk_book import done

from elstrada.model.ids import PartyId
from elstrada.model.party import BusinessDetails, PartyRole, Peer, PeerEndpoint, PeerState, Role
from elstrada.model.peer_quirk import PeerQuirk
from elstrada.roles.desk.face import Desk, Kind, Refusal
from elstrada.roles.desk.partner_quirks import PartnerCard
from elstrada.roles.desk.table import verb_named
from elstrada.roles.findings import Findings
from elstrada.roles.roaming.conduct import note_quirk
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Work

ELS, RET = PartyId("SE", "ELS"), PartyId("SE", "RET")
PEER = Peer(
    owner=ELS,
    id="nord",
    state=PeerState.ACTIVE,
    version="2.2.1",
    versions_url="https://nord.example/ocpi/versions",
    roles=(PartyRole(RET, Role.EMSP, BusinessDetails("R")),),
    endpoints=(PeerEndpoint("tok-ens", "SENDER", "u"),),
    changed_at=datetime(2026, 3, 1, tzinfo=UTC),
)


def scene(steps: Callable[[Desk], Awaitable[None]]) -> Callable[[Desk], None]:
    def run(desk: Desk) -> None:
        async def all_of_it() -> None:
            await done(desk, "party put", party="SE*ELS", roles=["CPO"], name="Elstrada Nord")
            row = {"owner": str(ELS), "peer_id": "nord", "state": "ACTIVE", "changed_at": PEER.changed_at}
            document = msgspec.json.encode(PEER).decode()
            await desk.spine.commit(Work(writes=(Put(t.peer, row | {"document": document}),)))
            await steps(desk)

        asyncio.run(all_of_it())

    return run


async def card(desk: Desk, name: str, **values: object) -> PartnerCard:
    found = await done(desk, name, **values)
    assert isinstance(found, PartnerCard), found
    return found


def test_a_quirk_is_switched_on_and_off_and_the_others_stay(desk: Desk) -> None:
    @scene
    async def steps(desk: Desk) -> None:
        both = ["raw-token-taken=on", "put-whole=on"]
        assert set((await card(desk, "partner quirk", partner="nord", quirk=both)).quirks) == {
            "raw-token-taken",
            "put-whole",
        }
        left = await card(desk, "partner quirk", partner="nord", quirk=["raw-token-taken=off"])
        assert left.quirks == ("put-whole",)
        assert await card(desk, "partner show", partner="nord") == left

    steps(desk)


def test_modules_are_renamed_when_the_quirk_is_switched_on(desk: Desk) -> None:
    @scene
    async def steps(desk: Desk) -> None:
        assert (await card(desk, "partner show", partner="nord")).modules == ("tok-ens sender",)
        found = await card(desk, "partner quirk", partner="nord", quirk=["module-names=on"])
        assert found.modules == ("tokens sender",)

    steps(desk)


def test_what_a_partner_does_otherwise_is_shown_and_suggested(desk: Desk) -> None:
    @scene
    async def steps(desk: Desk) -> None:
        findings = Findings(desk.spine, desk.clock)
        note_quirk(findings, PEER, PeerQuirk.RAW_TOKEN_TAKEN, "shows its token as it is")
        await findings.flush()
        found = await card(desk, "partner show", partner="nord")
        assert found.suggested == ("raw-token-taken",)
        assert [(one.code, one.count) for one in found.findings] == [("quirk raw-token-taken", 1)]
        verb = verb_named("partner show")
        assert verb is not None
        assert verb.show is not None
        text = verb.show(found)
        for part in ("OCPI 2.2.1", "SE*RET EMSP", "does raw-token-taken, which is off", "partner quirk nord"):
            assert part in text
        on = await card(desk, "partner quirk", partner="nord", quirk=["raw-token-taken=on"])
        assert on.suggested == ()

    steps(desk)


@pytest.mark.parametrize(
    ("partner", "quirk", "kind", "says"),
    [
        ("west", ["put-whole=on"], Kind.MISSING, "there is no partner"),
        ("nord", ["put-whole"], Kind.USAGE, "is not NAME=on or NAME=off"),
        ("nord", ["coffee=on"], Kind.MISSING, "there is no quirk 'coffee'"),
        ("nord", [], Kind.USAGE, "no quirk is named"),
    ],
)
def test_what_is_no_quirk_is_refused(
    desk: Desk, partner: str, quirk: list[str], kind: Kind, says: str
) -> None:
    @scene
    async def steps(desk: Desk) -> None:
        refused = await done(desk, "partner quirk", partner=partner, quirk=quirk)
        assert isinstance(refused, Refusal)
        assert refused.kind is kind
        assert says in refused.says

    steps(desk)


def test_all_quirks_are_listed_with_why(desk: Desk) -> None:
    lines = asyncio.run(done(desk, "partner quirks"))
    assert isinstance(lines, tuple)
    assert {line.name for line in lines} == {quirk.value for quirk in PeerQuirk}

"""Roaming connections at the desk, made by the real registrar; only the network is cut."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from desk_book import contracts, done

from elstrada.model.http import HttpRequest, HttpResponse, Unreachable
from elstrada.model.ids import PartyId
from elstrada.model.party import Peer, PeerEndpoint, PeerState
from elstrada.roles.desk.face import Desk, Kind, Refusal
from elstrada.roles.findings import Findings
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.wiring import wire
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Work
from elstrada.spine.post import LocalPost

TARIFF = (
    b'{"id": "T1", "currency": "SEK", "elements": '
    b'[{"price_components": [{"type": "ENERGY", "price": 4.5, "step_size": 1}]}]}'
)
HANDSHAKE = {"partner": "nord", "url": "https://peer.example/ocpi/versions", "token": "token-a"}


class CutNetwork:
    """Reaches nobody."""

    async def send(self, request: HttpRequest, *, timeout_s: float = 10.0) -> HttpResponse:
        raise Unreachable("no route")


class DenyingNetwork:
    """Reaches somebody who knows no token."""

    async def send(self, request: HttpRequest, *, timeout_s: float = 10.0) -> HttpResponse:
        return HttpResponse(401, {}, b'{"status_code": 2000, "timestamp": "2026-03-01T00:00:00Z"}')


@pytest.fixture
def living(desk: Desk) -> Desk:
    return on_network(desk, CutNetwork())


def on_network(desk: Desk, http: CutNetwork | DenyingNetwork) -> Desk:
    means = Means(
        spine=desk.spine,
        clock=desk.clock,
        chance=desk.chance,
        keys=desk.keys,
        http=http,
        findings=Findings(desk.spine, desk.clock),
        public_url="http://127.0.0.1:8000",
    )
    roaming = wire(means, LocalPost())
    return msgspec.structs.replace(desk, registrar=roaming.registrar, versions_url=means.versions_url)


def test_an_invitation_shows_token_a_once_with_the_address_and_keeps_no_plain_copy(living: Desk) -> None:
    """T17: 256 bits, stored hashed and sealed."""

    async def steps() -> None:
        await done(living, "party put", party="SE*ELS", roles=["CPO"], name="Elstrada Nord")
        new: Any = await done(living, "partner add", partner="nord")
        assert new.versions_url == "http://127.0.0.1:8000/ocpi/versions"
        assert len(new.token) >= 43
        row = await living.spine.get(t.peer, owner="SE*ELS", peer_id="nord")
        assert row is not None
        assert row["token_in_hash"] == living.keys.token_hash(new.token)
        assert new.token not in str(row)
        (line,) = await listed(living)
        assert (line.partner, line.state, line.speaks_for) == ("nord", "INVITED", ())

    asyncio.run(steps())


def test_a_handshake_that_fails_says_at_which_step_and_registers_nothing(living: Desk) -> None:
    async def steps() -> None:
        await done(living, "party put", party="SE*ELS", roles=["CPO"], name="Elstrada Nord")
        refused = await done(living, "partner handshake", **HANDSHAKE)
        assert isinstance(refused, Refusal)
        assert refused.kind is Kind.UNREACHABLE
        assert "token-a" not in str(refused)
        assert [line.state for line in await listed(living)] != ["ACTIVE"]

    asyncio.run(steps())


def test_a_handshake_that_the_partner_answers_with_no_is_refused_and_not_unreachable(desk: Desk) -> None:
    async def steps() -> None:
        living = on_network(desk, DenyingNetwork())
        await done(living, "party put", party="SE*ELS", roles=["CPO"], name="Elstrada Nord")
        refused = await done(living, "partner handshake", **HANDSHAKE)
        assert isinstance(refused, Refusal)
        assert refused.kind is Kind.REFUSED
        assert "401" in refused.says

    asyncio.run(steps())


def test_what_the_desk_changes_is_marked_for_the_peers_that_take_it(living: Desk) -> None:
    """DESIGN 5.4: the mark stands in the commit of the change, so no peer misses it."""

    async def steps() -> None:
        both = {"party": "SE*ELS", "roles": ["CPO", "EMSP"], "name": "Elstrada Nord"}
        await done(living, "party put", **both)
        peer = Peer(
            owner=PartyId("SE", "ELS"),
            id="nord",
            state=PeerState.ACTIVE,
            endpoints=(PeerEndpoint("tokens", "RECEIVER", "u"), PeerEndpoint("tariffs", "RECEIVER", "u")),
            changed_at=living.clock.now(),
        )
        row = {"owner": "SE*ELS", "peer_id": "nord", "state": "ACTIVE", "changed_at": peer.changed_at}
        document = msgspec.json.encode(peer).decode()
        await living.spine.commit(Work(writes=(Put(t.peer, row | {"document": document}),)))
        await contracts(living, "C1")
        await done(living, "token add", uid="A1", contract="C1")
        await done(living, "tariff put", file=msgspec.to_builtins(TARIFF))
        found = await living.spine.find(t.mark, order=("kind",))
        assert [(mark["kind"], mark["object_id"]) for mark in found] == [
            ("tariff", "T1"),
            ("token", "A1\nRFID"),
        ]

    asyncio.run(steps())


@pytest.mark.parametrize(
    ("change", "pointer"),
    [({"url": "ftp://x"}, "/url"), ({"url": "https://x y"}, "/url"), ({"partner": "a/b"}, "/partner")],
)
def test_what_cannot_be_a_partner_is_refused_before_anyone_is_called(
    living: Desk, change: dict[str, str], pointer: str
) -> None:
    async def steps() -> None:
        await done(living, "party put", party="SE*ELS", roles=["CPO"], name="Elstrada Nord")
        refused = await done(living, "partner handshake", **(HANDSHAKE | change))
        assert isinstance(refused, Refusal)
        assert (refused.kind, refused.pointer) == (Kind.USAGE, pointer)

    asyncio.run(steps())


async def listed(desk: Desk) -> tuple[Any, ...]:
    lines = await done(desk, "partner list")
    assert isinstance(lines, tuple)
    return lines

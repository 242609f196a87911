"""Meeting, renewing, parting: both sides of the handshake over HTTP messages."""

from __future__ import annotations

import asyncio
import json

import msgspec
import pytest
from roaming_world import ELS, RET, World, aio, call, known

from elstrada.model.facts import PeerChanged
from elstrada.model.http import HttpRequest, HttpResponse
from elstrada.model.ids import PartyId, peer_stream
from elstrada.model.party import Peer, PeerState, Role
from elstrada.ocpi.versions import TABLES
from elstrada.roles.roaming.registrar import NotRegistered
from elstrada.roles.roaming.wiring import wire
from elstrada.spine import tables as t

CREDENTIALS = "2.2.1/credentials"


@aio
async def test_a_handshake_registers_both_sides():
    world = await World().registered()
    cpo, emsp = await world.els_at_ret(), await world.ret_at_els()
    assert (cpo.state, emsp.state) == (PeerState.ACTIVE, PeerState.ACTIVE)
    assert (cpo.version, emsp.version) == ("2.3.0", "2.3.0"), "the highest that both speak"
    assert [(role.party, role.role) for role in cpo.roles] == [(ELS, Role.CPO)]
    assert [(role.party, role.role) for role in emsp.roles] == [(RET, Role.EMSP)]
    assert (await world.as_els("GET", "versions")).code == 1000
    assert (await world.as_ret("GET", "versions")).code == 1000


@aio
async def test_who_calls_at_a_version_s_credentials_has_chosen_that_version():
    world = await World().open()
    token_a = await world.ret.roaming.registrar.invite(RET, "els")
    els = msgspec.structs.replace(world.els.means, versions=("2.2.1",))
    await wire(els, world.els.post).registrar.register(ELS, "ret", world.ret.versions_url, token_a)
    assert (await world.els_at_ret()).version == "2.2.1", "though both offer 2.3.0 as well"


@aio
async def test_a_version_that_is_not_offered_is_not_there():
    world = await World(versions=("2.2.1",)).registered()
    offered = (await world.as_els("GET", "versions")).data
    assert [entry["version"] for entry in offered] == ["2.2.1"]
    assert (await world.as_els("GET", "2.3.0")).status == 404
    assert (await world.as_els("GET", "2.3.0/emsp/locations/SE/ELS/L1")).status == 404


@aio
async def test_r04_token_a_opens_versions_and_credentials_alone():
    world = await World().open()
    token_a = await world.ret.roaming.registrar.invite(RET, "els")
    assert (await call(world.ret, token_a, "GET", "versions")).status == 200
    assert (await call(world.ret, token_a, "GET", "2.2.1")).status == 200
    assert (await call(world.ret, token_a, "GET", CREDENTIALS)).status == 200
    for path in ("2.2.1/emsp/tokens", "2.2.1/emsp/locations/SE/ELS/L1", "2.2.1/nothing"):
        assert (await call(world.ret, token_a, "GET", path)).status == 401


@aio
async def test_r05_token_a_is_void_after_success_and_good_after_failure():
    world = await World().open()
    token_a = await world.ret.roaming.registrar.invite(RET, "els")
    world.net.down.add("els.example")
    with pytest.raises(NotRegistered, match="3001"):
        await world.els.roaming.registrar.register(ELS, "ret", world.ret.versions_url, token_a)
    assert (await call(world.ret, token_a, "GET", "versions")).status == 200
    world.net.down.clear()
    await world.els.roaming.registrar.register(ELS, "ret", world.ret.versions_url, token_a)
    assert (await call(world.ret, token_a, "GET", "versions")).status == 401


@aio
async def test_r06_posting_twice_and_renewing_nothing_are_405():
    world = await World().registered()
    body = {"token": "t", "url": "https://els.example/ocpi/versions", "roles": [_role("CPO", "ELS")]}
    assert (await world.as_els("POST", CREDENTIALS, body)).status == 405
    token_a = await world.ret.roaming.registrar.invite(RET, "other")
    for method in ("PUT", "DELETE"):
        assert (await call(world.ret, token_a, method, CREDENTIALS, body)).status == 405


@aio
async def test_r07_while_renewing_both_tokens_hold_until_the_new_one_is_shown():
    world = await World().registered()
    before = await world.els.roaming.peers.token_out(await world.ret_at_els())
    await world.els.roaming.registrar.renew(ELS, "ret")
    after = await world.els.roaming.peers.token_out(await world.ret_at_els())
    assert before != after
    assert (await call(world.ret, before, "GET", "versions")).status == 200
    assert (await call(world.ret, after, "GET", "versions")).status == 200
    assert (await call(world.ret, before, "GET", "versions")).status == 401
    assert (await world.as_ret("GET", "versions")).status == 200


@aio
async def test_r07_a_renewal_whose_answer_is_lost_locks_nobody_out():
    world = await World().registered()
    inner = world.net.hosts["ret.example"]

    async def loses_the_answer(request: HttpRequest) -> HttpResponse:
        response = await inner(request)
        return HttpResponse(504) if request.method == "PUT" else response

    world.net.hosts["ret.example"] = loses_the_answer
    with pytest.raises(NotRegistered):
        await world.els.roaming.registrar.renew(ELS, "ret")
    world.net.hosts["ret.example"] = inner
    assert (await world.as_els("GET", "versions")).status == 200
    assert (await world.as_ret("GET", "versions")).status == 200


@pytest.mark.parametrize(
    "told", [{"role": "WIZARD"}, {"party_id": "ELS"}], ids=["unknown role", "our own party"]
)
def test_r07_a_renewal_that_is_answered_with_roles_we_refuse_locks_nobody_out(told: dict[str, str]):
    """The peer has our new token by then, and expects its own to be shown."""

    @aio
    async def check() -> None:
        world = await World().registered()
        before, inner = await world.ret_at_els(), world.net.hosts["ret.example"]

        async def strays(request: HttpRequest) -> HttpResponse:
            response = await inner(request)
            if request.method != "PUT" or not request.path.endswith("/credentials"):
                return response
            answer = json.loads(response.body)
            answer["data"]["roles"][0] |= told
            return HttpResponse(response.status, response.headers, json.dumps(answer).encode())

        world.net.hosts["ret.example"] = strays
        with pytest.raises(NotRegistered, match="roles"):
            await world.els.roaming.registrar.renew(ELS, "ret")
        world.net.hosts["ret.example"] = inner
        after = await world.ret_at_els()
        assert (after.state, after.roles) == (before.state, before.roles)
        shown = await world.els.roaming.peers.token_out(after)
        assert shown == await world.ret.roaming.peers.token_in(await world.els_at_ret())
        await world.els.roaming.registrar.renew(ELS, "ret")

    check()


@pytest.mark.parametrize("version", TABLES)
@aio
async def test_r08_the_invited_side_calls_back_with_token_b_before_it_answers(version: str):
    world = await World(versions=(version,)).registered()
    calls = [(sent.method, sent.path.removeprefix("https://")) for sent in world.net.sent]
    emsp, cpo = ("emsp/2.1.1", "cpo/2.1.1") if version == "2.1.1" else (version, version)
    assert calls == [
        ("GET", "ret.example/ocpi/versions"),
        ("GET", f"ret.example/ocpi/{emsp}"),
        ("POST", f"ret.example/ocpi/{emsp}/credentials{'/' if version == '2.1.1' else ''}"),
        ("GET", "els.example/ocpi/versions"),
        ("GET", f"els.example/ocpi/{cpo}"),
    ]


@aio
async def test_r08_a_failed_call_back_is_3001_and_nothing_is_stored():
    world = await World().open()
    token_a = await world.ret.roaming.registrar.invite(RET, "els")
    body = {"token": "t" * 20, "url": "https://nowhere.example/versions", "roles": [_role("CPO", "ELS")]}
    answer = await call(world.ret, token_a, "POST", CREDENTIALS, body)
    assert (answer.status, answer.code) == (200, 3001)
    assert (await world.els_at_ret()).state is PeerState.INVITED
    assert await world.ret.roaming.peers.token_out(await world.els_at_ret()) is None


@aio
async def test_r09_a_role_twice_is_2001():
    world = await World().open()
    token_a = await world.ret.roaming.registrar.invite(RET, "els")
    body = {"token": "t", "url": "https://els.example/ocpi/versions", "roles": [_role("CPO", "ELS")] * 2}
    answer = await call(world.ret, token_a, "POST", CREDENTIALS, body)
    assert answer.code == 2001
    assert "roles/1" in answer.envelope["status_message"]


@aio
async def test_two_handshakes_at_once_with_one_peer_end_in_one_registration():
    world = await World().open()
    token_a = await world.ret.roaming.registrar.invite(RET, "els")
    register = world.els.roaming.registrar.register
    ends = await asyncio.gather(
        *(register(ELS, "ret", world.ret.versions_url, token_a) for _ in range(2)), return_exceptions=True
    )
    assert all(isinstance(end, NotRegistered | Peer) for end in ends)


@aio
async def test_r09_a_platform_cannot_claim_our_own_party_or_one_another_speaks_for():
    world = await World().registered()
    token_a = await world.ret.roaming.registrar.invite(RET, "evil")
    for role in (_role("CPO", "RET"), _role("CPO", "ELS")):
        body = {"token": "t", "url": "https://evil.example/versions", "roles": [role]}
        assert (await call(world.ret, token_a, "POST", CREDENTIALS, body)).code == 2001
    assert not [sent for sent in world.net.sent if "evil" in sent.path]


_SIBLING = PartyId("SE", "SIB")
"""Another party of the eMSP's own installation."""


@aio
async def test_r09_no_other_platform_can_claim_any_party_of_this_installation():
    world = await World().open()
    await world.ret.party(_SIBLING, Role.CPO)
    token_a = await world.ret.roaming.registrar.invite(RET, "evil")
    body = {"token": "t", "url": "https://evil.example/versions", "roles": [_role("CPO", "SIB")]}
    answer = await call(world.ret, token_a, "POST", CREDENTIALS, body)
    assert (answer.code, answer.envelope["status_message"]) == (2001, "roles: SE*SIB is ours")
    assert not [sent for sent in world.net.sent if "evil" in sent.path]
    assert known(await world.ret.roaming.peers.get(RET, "evil")).state is PeerState.INVITED


@aio
async def test_r09_a_peer_cannot_come_to_claim_a_party_of_this_installation_by_renewing():
    world = await World().registered()
    await world.ret.party(_SIBLING, Role.CPO)
    url = world.els.versions_url
    body = {"token": "t", "url": url, "roles": [_role("CPO", "ELS"), _role("CPO", "SIB")]}
    assert (await world.as_els("PUT", CREDENTIALS, body)).code == 2001
    assert {role.party for role in (await world.els_at_ret()).roles} == {ELS}


@aio
async def test_r09_two_parties_of_one_installation_meet_as_any_two():
    world = await World().open()
    await world.ret.party(_SIBLING, Role.CPO)
    registrar = world.ret.roaming.registrar
    token_a = await registrar.invite(RET, "sibling")
    peer = await registrar.register(_SIBLING, "retailer", world.ret.versions_url, token_a)
    assert [role.party for role in peer.roles] == [RET]
    assert known(await world.ret.roaming.peers.get(RET, "sibling")).state is PeerState.ACTIVE


@aio
async def test_r10_two_peers_with_one_versions_url_stay_apart():
    world = await World().registered()
    token_a = await world.ret.roaming.registrar.invite(RET, "els-again")
    await world.els.roaming.registrar.register(ELS, "ret-again", world.ret.versions_url, token_a)
    peers = await world.ret.roaming.peers.of(RET)
    assert sorted(peer.id for peer in peers) == ["els", "els-again"]
    assert len({peer.versions_url for peer in peers}) == 1
    tokens = {await world.ret.roaming.peers.token_out(peer) for peer in peers}
    assert len(tokens) == 2


@aio
async def test_r11_get_credentials_shows_the_token_that_the_caller_uses():
    world = await World().registered()
    answer = await world.as_els("GET", CREDENTIALS)
    assert answer.data["token"] == await world.els.roaming.peers.token_out(await world.ret_at_els())
    assert answer.data["roles"][0]["party_id"] == "RET"


@aio
async def test_secrets_are_stored_only_sealed_and_told_to_nobody():
    world = await World().registered()
    out = await world.els.roaming.peers.token_out(await world.ret_at_els())
    assert out is not None
    for node in (world.els, world.ret):
        stored = json.dumps([dict(row) for row in await node.spine.find(t.peer)], default=repr)
        assert out not in stored
        assert not any(out in repr(recorded) for recorded in await node.spine.read(0))


@aio
async def test_parting_ends_both_directions():
    world = await World().registered()
    cpos = await world.els.roaming.peers.token_out(await world.ret_at_els())
    emsps = await world.ret.roaming.peers.token_out(await world.els_at_ret())
    await world.els.roaming.registrar.unregister(ELS, "ret")
    assert (await call(world.ret, cpos, "GET", "versions")).status == 401
    assert (await call(world.els, emsps, "GET", "versions")).status == 401
    assert (await world.els_at_ret()).state is PeerState.ENDED
    assert (await world.ret_at_els()).state is PeerState.ENDED


@aio
async def test_after_parting_one_can_meet_again():
    world = await World().registered()
    await world.els.roaming.registrar.unregister(ELS, "ret")
    token_a = await world.ret.roaming.registrar.invite(RET, "els")
    await world.els.roaming.registrar.register(ELS, "ret", world.ret.versions_url, token_a)
    assert (await world.as_els("GET", "versions")).status == 200


@aio
async def test_every_step_of_a_registration_is_a_fact():
    world = await World().registered()
    facts = [recorded.fact for recorded in await world.ret.spine.facts(peer_stream(RET, "els"))]
    assert [fact.state for fact in facts if isinstance(fact, PeerChanged)] == [
        PeerState.INVITED,
        PeerState.ACTIVE,
    ]


@aio
async def test_t17_an_invitation_expires():
    world = await World().open()
    token_a = await world.ret.roaming.registrar.invite(RET, "els")
    world.clock.pass_by(days=31)
    assert (await call(world.ret, token_a, "GET", "versions")).status == 401


@aio
async def test_a_registered_peer_is_not_invited_over():
    world = await World().registered()
    with pytest.raises(NotRegistered, match="already"):
        await world.ret.roaming.registrar.invite(RET, "els")


@aio
async def test_two_posts_with_one_token_a_register_once():
    world = await World().open()
    token_a = await world.ret.roaming.registrar.invite(RET, "els")
    token_b = await world.els.roaming.registrar.invite(ELS, "ret")
    body = {"token": token_b, "url": world.els.versions_url, "roles": [_role("CPO", "ELS")]}
    answers = await asyncio.gather(*(call(world.ret, token_a, "POST", CREDENTIALS, body) for _ in range(2)))
    assert sorted(answer.status for answer in answers) == [200, 405]


def _role(role: str, party: str) -> dict[str, object]:
    return {"role": role, "country_code": "SE", "party_id": party, "business_details": {"name": party}}

"""What peers may do at the office, module by module."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, date, datetime

import msgspec
import pytest
from roaming_world import (
    ELS,
    EVIL,
    RET,
    START,
    StationDouble,
    World,
    aio,
    at_station,
    call,
    furnished,
    give,
    issue,
    location,
    started,
    status,
    tariff,
    token,
)
from wire_documents import CDR, CDR_TOKEN, CONNECTOR, EVSE, LOCATION, SESSION, TARIFF, TOKEN, but

from elstrada.model import facts as f
from elstrada.model.device import ConnectorStatus
from elstrada.model.ids import cdr_stream
from elstrada.model.invoice import Contract
from elstrada.model.location import PublishToken
from elstrada.model.party import PeerState, Role
from elstrada.model.tariff import TaxIncluded
from elstrada.ocpi.scalars import Instant
from elstrada.ocpi.versions import TABLES
from elstrada.roles.roaming.holders import token_puts
from elstrada.roles.roaming.office import HANDLERS
from elstrada.roles.roaming.peers import Secrets
from elstrada.roles.roaming.rows import location_row, tariff_row
from elstrada.spine import tables as t
from elstrada.spine.face import Put, SpineDown

EMSP, CPO = "2.2.1/emsp", "2.2.1/cpo"
L9, T9 = f"{EMSP}/locations/SE/ELS/L9", f"{EMSP}/tariffs/SE/ELS/T9"
S9, TOKENS = f"{EMSP}/sessions/SE/ELS/S9", f"{CPO}/tokens/SE/RET/AABBCCDD"


def test_every_endpoint_of_every_version_is_served():
    for table in TABLES.values():
        assert {endpoint.name for endpoint in table} <= HANDLERS.keys()


# --- locations --------------------------------------------------------------------------------------


@aio
async def test_r31_the_first_put_is_201_and_the_next_200():
    world = await World().registered()
    assert (await world.as_els("PUT", L9, LOCATION)).status == 201
    assert (await world.as_els("PUT", L9, LOCATION)).status == 200


@aio
async def test_a_location_put_is_the_location_got_and_its_source_is_the_peer():
    world = await World().registered()
    await world.as_els("PUT", L9, LOCATION)
    assert (await world.as_els("GET", L9)).data == LOCATION
    assert (await world.as_els("GET", f"{L9}/E9")).data == EVSE
    assert (await world.as_els("GET", f"{L9}/E9/1")).data == CONNECTOR
    [row] = await world.ret.spine.find(t.location)
    assert row["source"] == "ocpi:els"


@aio
async def test_r23_a_slash_at_the_end_reaches_the_same_object():
    world = await World().registered()
    await world.as_els("PUT", L9 + "/", LOCATION)
    assert (await world.as_els("GET", L9)).status == 200


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        (f"{EMSP}/locations/SE/ELS/OTHER", LOCATION, (200, 2001)),
        (L9, but(LOCATION, party_id="EVL"), (200, 2001)),
        (L9, but(LOCATION, country_code="NO"), (200, 2001)),
        (f"{EMSP}/locations/SE/EVL/L9", but(LOCATION, party_id="EVL"), (404, 2000)),
        (f"{EMSP}/locations/SE/RET/L9", but(LOCATION, party_id="RET"), (404, 2000)),
        (f"{EMSP}/locations/ＳＥ/ELS/L9", LOCATION, (404, 2000)),
    ],
)
def test_r32_objects_of_others_and_in_the_wrong_place_are_not_stored(
    path: str, body: object, expected: tuple[int, int]
):
    @aio
    async def check() -> None:
        world = await World().registered()
        answer = await world.as_els("PUT", path, body)
        assert (answer.status, answer.code) == expected
        assert await world.ret.spine.find(t.location) == []

    check()


@aio
async def test_r22_the_parties_in_a_path_compare_without_case():
    world = await World().registered()
    assert (await world.as_els("PUT", f"{EMSP}/locations/se/els/L9", LOCATION)).status == 201


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("2.2.1/emsp/locations/SE/ELS/{}", but(LOCATION, id="Aa")),
        ("2.2.1/emsp/tariffs/SE/ELS/{}", but(TARIFF, id="Aa")),
        ("2.2.1/cpo/tokens/SE/RET/{}", but(TOKEN, uid="Aa")),
    ],
)
@aio
async def test_r22_an_object_is_kept_under_its_id_as_its_owner_writes_it(path: str, body: dict[str, object]):
    """Whatever the case of it in the address: the second time it is the same object."""
    world = await furnished()
    ask = world.as_ret if "/cpo/" in path else world.as_els
    assert (await ask("PUT", path.format("AA"), body)).status == 201
    for written in ("aa", "AA", "Aa"):
        assert (await ask("PUT", path.format(written), body)).status == 200
    assert (await ask("GET", path.format("Aa"))).code == 1000
    if "tariffs" not in path:  # Nobody patches a tariff in 2.2.1.
        name = "uid" if "uid" in body else "id"
        patch = {name: "aA", "last_updated": "2026-03-01T00:00:00Z"}
        assert (await ask("PATCH", path.format("Aa"), patch)).code == 1000
        assert (await ask("GET", path.format("Aa"))).data[name] == "Aa"


@aio
async def test_r22_a_token_is_blocked_in_whatever_case_its_uid_is_written():
    world = await furnished()
    path = "2.2.1/cpo/tokens/SE/RET"
    first = but(TOKEN, uid="AaBbCc")
    assert (await world.as_ret("PUT", f"{path}/AaBbCc", first)).status == 201
    blocked = but(first, uid="aabbcc", valid=False, last_updated="2026-02-02T00:00:00Z")
    assert (await world.as_ret("PUT", f"{path}/aabbcc", blocked)).status == 200
    for written in ("AaBbCc", "AABBCC", "aabbcc"):
        assert (await world.as_ret("GET", f"{path}/{written}")).data == but(blocked, uid="AaBbCc")
    patch = {"visual_number": "7", "last_updated": "2026-02-02T00:00:01Z"}
    assert (await world.as_ret("PATCH", f"{path}/AABBCC", patch)).code == 1000
    [row] = await world.els.spine.find(t.token, {"contract_id": str(TOKEN["contract_id"])})
    assert (row["uid"], json.loads(str(row["document"]))["visual_number"]) == ("AaBbCc", "7")


@aio
async def test_r22_a_pulled_token_is_the_one_that_is_known_in_another_case():
    world = await furnished()
    await world.as_ret("PUT", "2.2.1/cpo/tokens/SE/RET/AaBbCc", but(TOKEN, uid="AaBbCc"))
    pulled = token(uid="aabbcc", contract_id=str(TOKEN["contract_id"]), valid=False)
    await give(world.ret, pulled)
    await world.els.roaming.puller.pull(await world.ret_at_els(), "tokens")
    [row] = await world.els.spine.find(t.token, {"contract_id": pulled.contract_id})
    assert (row["uid"], json.loads(str(row["document"]))["valid"]) == ("AaBbCc", False)


@aio
async def test_r22_a_token_is_authorized_in_whatever_case_it_was_read():
    world = await furnished()
    for written in (token().uid, token().uid.lower()):
        answer = await world.as_els("POST", f"2.2.1/emsp/tokens/{written}/authorize")
        assert answer.data["allowed"] == "ALLOWED"
        assert answer.data["token"]["uid"] == token().uid


_USED = {
    Role.EMSP: {"locations", "tariffs", "sessions", "cdrs"},
    Role.NSP: {"locations", "tariffs"},
    Role.SCSP: {"sessions"},
}
"""Which lists a CPO has for whom. Source: OCPI 2.2.1 terminology, modules per role."""


@pytest.mark.parametrize("role", _USED)
def test_t17_a_peer_may_use_the_modules_of_its_roles_alone(role: Role):
    @aio
    async def check() -> None:
        world = await World(versions=("2.2.1",)).open()
        await world.ret.party(RET, role)
        token_a = await world.ret.roaming.registrar.invite(RET, "els")
        await world.els.roaming.registrar.register(ELS, "ret", world.ret.versions_url, token_a)
        since = {"date_from": "2026-01-01T00:00:00Z"}
        for module in ("locations", "tariffs", "sessions", "cdrs"):
            listed = await world.as_ret("GET", f"{CPO}/{module}", query=since)
            assert listed.status == (200 if module in _USED[role] else 404), module
        put = await world.as_ret("PUT", TOKENS, TOKEN)
        assert put.status == (201 if role is Role.EMSP else 404)
        assert len(await world.els.spine.find(t.token)) == (role is Role.EMSP)

    check()


@aio
async def test_r33_a_patch_without_last_updated_is_2001():
    world = await World().registered()
    await world.as_els("PUT", L9, LOCATION)
    assert (await world.as_els("PATCH", L9, {"name": "New"})).code == 2001


@aio
async def test_r34_an_older_patch_changes_nothing():
    world = await World().registered()
    await world.as_els("PUT", L9, LOCATION)
    old = {"name": "Old", "last_updated": "2025-01-01T00:00:00Z"}
    assert (await world.as_els("PATCH", L9, old)).code == 1000
    assert (await world.as_els("GET", L9)).data == LOCATION


@aio
async def test_r34_a_token_that_was_dated_in_the_future_can_still_be_blocked():
    world = await furnished()
    await world.as_ret("PUT", TOKENS, but(TOKEN, last_updated="2099-01-01T00:00:00Z"))
    now = str(Instant(START))
    assert (await world.as_ret("PUT", TOKENS, but(TOKEN, valid=False, last_updated=now))).code == 1000
    assert (await world.as_ret("GET", TOKENS)).data == but(TOKEN, valid=False, last_updated=now)
    await world.as_ret("PUT", TOKENS, but(TOKEN, last_updated="2099-01-01T00:00:00Z"))
    assert (await world.as_ret("PATCH", TOKENS, {"valid": False, "last_updated": now})).code == 1000
    assert (await world.as_ret("GET", TOKENS)).data["valid"] is False


_NEWER, _OLDER = "2026-02-04T00:00:00Z", "2025-12-31T00:00:00Z"


@pytest.mark.parametrize(
    ("path", "body", "change"),
    [
        (L9, LOCATION, {"name": "Other"}),
        (f"{L9}/E9", EVSE, {"status": "CHARGING"}),
        (f"{L9}/E9/1", CONNECTOR, {"max_amperage": 16}),
        (T9, TARIFF, {"currency": "EUR"}),
        (S9, SESSION, {"kwh": 99.0}),
    ],
)
def test_r34_an_older_put_is_a_success_that_changes_nothing(
    path: str, body: dict[str, object], change: dict[str, object]
):
    """Requests may overtake one another: the object that its owner changed last stays."""

    @aio
    async def check() -> None:
        world = await World().registered()
        await world.as_els("PUT", L9, LOCATION)
        newer = but(body, last_updated=_NEWER)
        assert (await world.as_els("PUT", path, newer)).code == 1000
        late = await world.as_els("PUT", path, but(body, last_updated=_OLDER, **change))
        assert (late.status, late.code) == (200, 1000)
        assert (await world.as_els("GET", path)).data == newer
        same_age = but(newer, **change)
        await world.as_els("PUT", path, same_age)
        assert (await world.as_els("GET", path)).data == same_age

    check()


@aio
async def test_r34_an_older_put_of_a_token_unblocks_nobody():
    world = await World().registered()
    blocked = but(TOKEN, valid=False, last_updated=_NEWER)
    await world.as_ret("PUT", TOKENS, blocked)
    assert (await world.as_ret("PUT", TOKENS, TOKEN)).code == 1000
    assert (await world.as_ret("GET", TOKENS)).data == blocked


@aio
async def test_r35_news_of_an_evse_or_connector_raise_all_above():
    world = await World().registered()
    await world.as_els("PUT", L9, LOCATION)
    evse_news = {"status": "CHARGING", "last_updated": "2026-02-01T00:00:00Z"}
    await world.as_els("PATCH", f"{L9}/E9", evse_news)
    changed = (await world.as_els("GET", L9)).data
    assert changed["evses"][0]["status"] == "CHARGING"
    assert changed["last_updated"] == changed["evses"][0]["last_updated"] == "2026-02-01T00:00:00Z"
    connector_news = {"tariff_ids": ["T9"], "last_updated": "2026-02-02T00:00:00Z"}
    await world.as_els("PATCH", f"{L9}/E9/1", connector_news)
    changed = (await world.as_els("GET", L9)).data
    assert changed["evses"][0]["connectors"][0]["tariff_ids"] == ["T9"]
    assert changed["last_updated"] == changed["evses"][0]["last_updated"] == "2026-02-02T00:00:00Z"


@aio
async def test_two_patches_at_once_both_hold():
    world = await World().registered()
    await world.as_els("PUT", L9, LOCATION)

    async def slow_disk(_: object) -> None:
        await asyncio.sleep(0)

    world.ret.spine._before = slow_disk  # type: ignore[attr-defined]
    patches = ({"name": "Both"}, {"city": "Boden"})
    at = {"last_updated": "2026-02-01T00:00:00Z"}
    await asyncio.gather(*(world.as_els("PATCH", L9, patch | at) for patch in patches))
    changed = (await world.as_els("GET", L9)).data
    assert (changed["name"], changed["city"]) == ("Both", "Boden")


@aio
async def test_r36_a_patch_of_what_we_do_not_know_is_404():
    world = await World().registered()
    news = {"status": "CHARGING", "last_updated": "2026-02-01T00:00:00Z"}
    assert (await world.as_els("PATCH", f"{L9}/E9", news)).status == 404
    await world.as_els("PUT", L9, LOCATION)
    assert (await world.as_els("PATCH", f"{L9}/NONE", news)).status == 404


@aio
async def test_an_evse_or_connector_can_be_added():
    world = await World().registered()
    await world.as_els("PUT", L9, LOCATION)
    assert (await world.as_els("PUT", f"{L9}/E10", but(EVSE, uid="E10"))).status == 201
    assert (await world.as_els("PUT", f"{L9}/E10/2", but(CONNECTOR, id="2"))).status == 201
    assert (await world.as_els("PUT", f"{L9}/E10/2", but(CONNECTOR, id="2"))).status == 200
    assert (await world.as_els("PUT", f"{L9}/E10", but(EVSE, uid="E11"))).code == 2001
    evses = (await world.as_els("GET", L9)).data["evses"]
    assert [len(evse["connectors"]) for evse in evses] == [1, 2]


@pytest.mark.parametrize("patch", [{"id": "L10"}, {"party_id": "EVL"}, {"country_code": "NO"}])
def test_r32_t20_a_patch_cannot_move_an_object(patch: dict[str, str]):
    @aio
    async def check() -> None:
        world = await World().registered()
        await world.as_els("PUT", L9, LOCATION)
        answer = await world.as_els("PATCH", L9, patch | {"last_updated": "2026-02-01T00:00:00Z"})
        assert answer.code == 2001
        assert (await world.as_els("GET", L9)).data == LOCATION

    check()


@aio
async def test_r38_nobody_deletes_a_location_and_a_removed_evse_stays_listed():
    world = await World().registered()
    await world.as_els("PUT", L9, LOCATION)
    assert (await world.as_els("DELETE", L9)).status == 405
    await world.as_els("PATCH", f"{L9}/E9", {"status": "REMOVED", "last_updated": "2026-02-01T00:00:00Z"})
    assert (await world.as_els("GET", L9)).data["evses"][0]["status"] == "REMOVED"


@aio
async def test_our_own_locations_are_listed_with_their_evses_as_they_are_now():
    world = await furnished()
    await at_station(world, status(ConnectorStatus.CHARGING, START.replace(minute=5)))
    await world.els.follow()
    answer = await world.as_ret("GET", f"{CPO}/locations")
    assert answer.data[0]["evses"][0]["status"] == "CHARGING"
    assert (answer.headers["x-total-count"], "link" in answer.headers) == ("1", False)
    assert (await world.as_ret("GET", f"{CPO}/locations/L1/E1")).data["status"] == "CHARGING"
    assert (await world.as_ret("GET", f"{CPO}/locations/L1/E1/1")).data["id"] == "1"
    assert (await world.as_ret("GET", f"{CPO}/locations/L1/E2")).status == 404


@aio
async def test_r35_a_status_change_brings_the_location_into_a_later_list():
    world = await furnished()
    since = {"date_from": "2026-02-03T12:01:00Z"}
    assert (await world.as_ret("GET", f"{CPO}/locations", query=since)).data == []
    await at_station(world, status(ConnectorStatus.CHARGING, START.replace(minute=5)))
    world.clock.pass_by(minutes=5)
    await at_station(world, status(ConnectorStatus.FAULTED, START.replace(minute=6)))
    await world.els.follow()
    assert len((await world.as_ret("GET", f"{CPO}/locations", query=since)).data) == 1


@aio
async def test_r26_date_from_is_inclusive_and_date_to_exclusive():
    world = await furnished()
    at = "2026-02-03T12:00:00Z"
    assert len((await world.as_ret("GET", f"{CPO}/locations", query={"date_from": at})).data) == 1
    assert (await world.as_ret("GET", f"{CPO}/locations", query={"date_to": at})).data == []


@aio
async def test_r27_pages_lead_to_each_other_under_the_public_address():
    world = await furnished()
    for number in range(2, 6):
        made = location(id=f"L{number}")
        await world.els.put(Put(t.location, location_row(ELS, made, "own")))
    first = await world.as_ret("GET", f"{CPO}/locations", query={"limit": "2"})
    assert [found["id"] for found in first.data] == ["L1", "L2"]
    assert first.headers["x-total-count"] == "5"
    assert first.headers["link"].startswith(
        "<https://els.example/ocpi/2.2.1/cpo/locations?offset=2&limit=2&place="
    )
    last = await world.as_ret("GET", f"{CPO}/locations", query={"limit": "2", "offset": "4"})
    assert [found["id"] for found in last.data] == ["L5"]
    assert "link" not in last.headers


@aio
async def test_locations_that_are_not_ours_are_not_offered_as_ours():
    world = await furnished()
    copy = location(id="L2")
    await world.els.put(Put(t.location, location_row(ELS, copy, "ocpi-file")))
    assert [found["id"] for found in (await world.as_ret("GET", f"{CPO}/locations")).data] == ["L1"]
    assert (await world.as_ret("GET", f"{CPO}/locations/L2")).status == 404


@aio
async def test_r39_unpublished_locations_go_to_no_peer_unless_they_name_drivers():
    world = await furnished()
    hidden = location(id="L2", publish=False)
    named = location(id="L3", publish=False, publish_allowed_to=(PublishToken(uid="04A1B2C3D4E5F6"),))
    for made in (hidden, named):
        await world.els.put(Put(t.location, location_row(ELS, made, "own")))
    assert [found["id"] for found in (await world.as_ret("GET", f"{CPO}/locations")).data] == ["L1", "L3"]
    assert (await world.as_ret("GET", f"{CPO}/locations/L2")).status == 404


# --- tariffs ----------------------------------------------------------------------------------------


@aio
async def test_a_tariff_is_put_got_and_deleted():
    world = await World().registered()
    assert (await world.as_els("PUT", T9, TARIFF)).status == 201
    assert (await world.as_els("GET", T9)).data == TARIFF
    assert (await world.as_els("DELETE", T9)).code == 1000
    assert (await world.as_els("DELETE", T9)).status == 404
    assert (await world.as_els("GET", T9)).status == 404


@aio
async def test_r66_a_tariff_with_tax_in_its_prices_is_not_shown_to_who_would_misread_it():
    world = await furnished()
    gross = tariff(id="T2", tax_included=TaxIncluded.YES)
    await world.els.put(Put(t.tariff, tariff_row(ELS, gross)))
    assert [found["id"] for found in (await world.as_ret("GET", f"{CPO}/tariffs")).data] == ["T1"]


# --- tokens -----------------------------------------------------------------------------------------


@aio
async def test_a_token_is_put_patched_and_got_and_its_identity_kept_apart():
    world = await World().registered()
    assert (await world.as_ret("PUT", TOKENS, TOKEN)).status == 201
    block = {"valid": False, "last_updated": "2026-01-03T00:00:00Z"}
    assert (await world.as_ret("PATCH", TOKENS, block)).code == 1000
    assert (await world.as_ret("GET", TOKENS)).data == TOKEN | block
    [identity] = await world.els.spine.find(t.identity)
    assert identity["ref"] == world.els.means.keys.token_ref(TOKEN["uid"])


@aio
async def test_r44_a_token_of_another_type_is_another_token():
    world = await World().registered()
    await world.as_ret("PUT", TOKENS, TOKEN)
    app = but(TOKEN, type="APP_USER")
    assert (await world.as_ret("PUT", TOKENS, app)).code == 2001
    assert (await world.as_ret("PUT", TOKENS, app, query={"type": "APP_USER"})).status == 201
    assert (await world.as_ret("GET", TOKENS)).data["type"] == "RFID"


@aio
async def test_r44_a_uid_stands_for_one_contract_under_all_its_types():
    """Facts know the uid's pseudonym alone: with two contracts, one would pay for the other."""
    world = await World().registered()
    ref = world.els.means.keys.token_ref(TOKEN["uid"])
    await world.as_ret("PUT", TOKENS, TOKEN)
    before = await world.els.spine.get(t.identity, owner=str(ELS), ref=ref, party=str(RET))

    app = but(TOKEN, type="APP_USER", uid="aabbccdd")
    other = but(app, contract_id="SERETC00000018")
    path = f"{CPO}/tokens/SE/RET/aabbccdd"
    refused = await world.as_ret("PUT", path, other, query={"type": "APP_USER"})
    assert refused.code == 2001
    assert "one contract per uid" in refused.envelope["status_message"]
    assert (await world.as_ret("PUT", path, app, query={"type": "APP_USER"})).status == 201
    moved = {"contract_id": "SERETC00000018", "last_updated": "2026-01-03T00:00:00Z"}
    assert (await world.as_ret("PATCH", path, moved, query={"type": "APP_USER"})).code == 2001
    assert await world.els.spine.get(t.identity, owner=str(ELS), ref=ref, party=str(RET)) == before


@aio
async def test_a_uid_that_another_party_gives_out_too_leaves_the_first_ones_driver_alone():
    """Nor does it take the first one's contract: each means a driver of its own by the uid."""
    world = await furnished()
    ref = world.els.means.keys.token_ref(token().uid)
    of_ret = await world.els.spine.get(t.identity, owner=str(ELS), ref=ref, party=str(RET))
    assert of_ret is not None
    evil = token(party=EVIL)
    await world.els.put(*await token_puts(world.els.spine, ELS, evil, ref))
    assert await world.els.spine.get(t.identity, owner=str(ELS), ref=ref, party=str(RET)) == of_ret
    assert await world.els.spine.get(t.identity, owner=str(ELS), ref=ref, party=str(EVIL)) is not None


@aio
async def test_a_token_alone_may_move_to_another_contract_and_takes_its_identity_along():
    world = await World().registered()
    await world.as_ret("PUT", TOKENS, TOKEN)
    later = "2026-01-03T00:00:00Z"
    moved = but(TOKEN, contract_id="SERETC00000018", last_updated=later)
    assert (await world.as_ret("PUT", TOKENS, moved)).code == 1000
    [identity] = await world.els.spine.find(t.identity)
    assert "SERETC00000018" in str(identity["document"])


@aio
async def test_a_start_under_another_contract_than_the_cards_is_refused():
    world = await furnished()
    body = _start(token=but(TOKEN, uid=token().uid, type="APP_USER", contract_id="SERETC00000018"))
    answer = await world.as_ret("POST", f"{CPO}/commands/START_SESSION", body)
    assert answer.code == 2001
    [identity] = await world.els.spine.find(t.identity)
    assert token().contract_id in str(identity["document"])


@aio
async def test_a_peers_cdr_cannot_say_whose_our_token_is():
    world = await furnished()
    ref = world.ret.means.keys.token_ref(token().uid)
    before = await world.ret.spine.get(t.identity, owner=str(RET), ref=ref, party=str(RET))
    claim = but(CDR_TOKEN, type="APP_USER", contract_id="SERETC00000018")
    await world.as_els("PUT", S9, but(SESSION, cdr_token=claim))
    await world.as_els("POST", f"{EMSP}/cdrs", but(CDR, cdr_token=claim))
    assert await world.ret.spine.get(t.identity, owner=str(RET), ref=ref, party=str(RET)) == before


@aio
async def test_t21_tokens_are_listed_for_cpos_only():
    world = await furnished()
    listed = await world.as_els("GET", f"{EMSP}/tokens")
    assert [found["uid"] for found in listed.data] == [token().uid]
    assert listed.headers["x-total-count"] == "1"


AUTHORIZE = f"{EMSP}/tokens/04A1B2C3D4E5F6/authorize"


@aio
async def test_r47_a_valid_token_with_a_contract_is_allowed_and_gets_a_reference():
    world = await furnished()
    answer = await world.as_els("POST", AUTHORIZE, {"location_id": "L1", "evse_uids": ["E1"]})
    assert answer.data["allowed"] == "ALLOWED"
    assert answer.data["token"]["contract_id"] == token().contract_id
    assert answer.data["location"] == {"location_id": "L1", "evse_uids": ["E1"]}
    assert 0 < len(answer.data["authorization_reference"]) <= 36
    again = await world.as_els("POST", AUTHORIZE)
    assert again.data["authorization_reference"] != answer.data["authorization_reference"]


@aio
async def test_r47_an_unknown_token_is_404_and_2004_without_data():
    world = await furnished()
    answer = await world.as_els("POST", f"{EMSP}/tokens/NOBODY/authorize")
    assert (answer.status, answer.code, answer.data) == (404, 2004, None)
    other_type = await world.as_els("POST", AUTHORIZE, query={"type": "APP_USER"})
    assert (other_type.status, other_type.code) == (404, 2004)


@aio
async def test_r47_a_known_token_that_may_not_charge_is_an_answer():
    world = await furnished()
    await give(world.ret, token(valid=False))
    blocked = await world.as_els("POST", AUTHORIZE)
    assert (blocked.status, blocked.code, blocked.data["allowed"]) == (200, 1000, "BLOCKED")
    await give(world.ret, token(contract_id="SERETC00000404"))
    assert (await world.as_els("POST", AUTHORIZE)).data["allowed"] == "NOT_ALLOWED"


@pytest.mark.parametrize(
    ("dates", "allowed"),
    [
        ({"valid_from": date(2026, 2, 4)}, "NOT_ALLOWED"),
        ({"valid_to": date(2026, 2, 2)}, "EXPIRED"),
        ({"valid_from": date(2026, 2, 3), "valid_to": date(2026, 2, 3)}, "ALLOWED"),
    ],
)
def test_a_token_charges_while_its_contract_runs(dates: dict[str, date], allowed: str):
    @aio
    async def check() -> None:
        world = await furnished()
        [row] = await world.ret.spine.find(t.contract)
        contract = msgspec.json.decode(str(row["document"]), type=Contract)
        document = msgspec.json.encode(msgspec.structs.replace(contract, **dates)).decode()
        await world.ret.put(Put(t.contract, {**row, "document": document}))
        assert (await world.as_els("POST", AUTHORIZE)).data["allowed"] == allowed

    check()


@pytest.mark.parametrize(
    ("dates", "at", "allowed"),
    [
        ({"valid_to": date(2026, 2, 3)}, "L1", "EXPIRED"),
        ({"valid_to": date(2026, 2, 3)}, None, "EXPIRED"),
        ({"valid_to": date(2026, 2, 3)}, "L2", "ALLOWED"),
        ({"valid_to": date(2026, 2, 4)}, "L1", "ALLOWED"),
        ({"valid_from": date(2026, 2, 4)}, "L1", "ALLOWED"),
        ({"valid_from": date(2026, 2, 4)}, "L2", "NOT_ALLOWED"),
        ({"valid_from": date(2026, 2, 4)}, "L404", "ALLOWED"),
    ],
)
def test_v30_a_contract_begins_and_ends_with_the_day_where_its_driver_is(
    dates: dict[str, date], at: str | None, allowed: str
):
    """As its CDR is held against it: one that was allowed would else stand without a bill line.

    Half past midnight in Sweden, where the retailer is, and still the day before in Portugal.
    """

    @aio
    async def check() -> None:
        world = await furnished()
        await world.settle()
        portugal = location(id="L2", time_zone="Europe/Lisbon", country="PRT")
        await world.ret.put(Put(t.location, location_row(RET, portugal, "els")))
        world.clock.at = datetime(2026, 2, 3, 23, 30, tzinfo=UTC)
        [row] = await world.ret.spine.find(t.contract)
        contract = msgspec.json.decode(str(row["document"]), type=Contract)
        document = msgspec.json.encode(msgspec.structs.replace(contract, **dates)).decode()
        await world.ret.put(Put(t.contract, {**row, "document": document}))
        body = None if at is None else {"location_id": at}
        assert (await world.as_els("POST", AUTHORIZE, body)).data["allowed"] == allowed

    check()


# --- sessions ---------------------------------------------------------------------------------------


@aio
async def test_a_session_is_followed_as_facts():
    world = await World().registered()
    assert (await world.as_els("PUT", S9, SESSION)).status == 201
    done = but(SESSION, status="COMPLETED", end_date_time="2026-02-03T11:00:00Z")
    assert (await world.as_els("PUT", S9, done)).status == 200
    assert (await world.as_els("GET", S9)).data == done
    facts = [recorded.fact for recorded in await world.ret.spine.read(0)]
    told = [fact.session for fact in facts if isinstance(fact, f.RoamedSessionChanged)]
    assert [session.status.value for session in told] == ["ACTIVE", "COMPLETED"]
    assert SESSION["cdr_token"]["uid"] not in repr(told)


@aio
async def test_the_same_session_again_is_no_news():
    world = await World().registered()
    for _ in range(3):
        await world.as_els("PUT", S9, SESSION)
    facts = [recorded.fact for recorded in await world.ret.spine.read(0)]
    assert sum(isinstance(fact, f.RoamedSessionChanged) for fact in facts) == 1


@aio
async def test_r37_a_patch_adds_periods_and_a_put_replaces_them():
    world = await World().registered()
    await world.as_els("PUT", S9, SESSION)
    period = {"start_date_time": "2026-02-03T10:30:00Z", "dimensions": [{"type": "ENERGY", "volume": 1.0}]}
    patch = {"kwh": 13.5, "charging_periods": [period], "last_updated": "2026-02-03T10:45:00Z"}
    for _ in range(2):  # Sent again, it adds nothing.
        await world.as_els("PATCH", S9, patch)
    patched = (await world.as_els("GET", S9)).data
    assert patched["charging_periods"] == [*SESSION["charging_periods"], period]
    assert patched["kwh"] == 13.5
    whole = but(SESSION, last_updated="2026-02-03T10:50:00Z")
    await world.as_els("PUT", S9, whole)
    assert (await world.as_els("GET", S9)).data == whole


@aio
async def test_r33_r34_r36_session_patches_keep_the_rules():
    world = await World().registered()
    assert (await world.as_els("PATCH", S9, {"kwh": 1, "last_updated": "2026-02-03T10:45:00Z"})).status == 404
    await world.as_els("PUT", S9, SESSION)
    assert (await world.as_els("PATCH", S9, {"kwh": 1})).code == 2001
    assert (await world.as_els("PATCH", S9, {"kwh": 1, "last_updated": "2020-01-01T00:00:00Z"})).code == 1000
    assert (await world.as_els("GET", S9)).data["kwh"] == 12.5


@aio
async def test_a_session_of_another_partys_token_is_refused():
    world = await World().registered()
    foreign = but(SESSION, cdr_token=but(CDR_TOKEN, party_id="EVL"))
    assert (await world.as_els("PUT", S9, foreign)).code == 2001
    assert await world.ret.spine.find(t.roamed_session) == []


@aio
async def test_r55_a_session_that_nobody_announced_is_accepted():
    world = await World().registered()
    late = but(SESSION, auth_method="COMMAND", status="PENDING")
    assert (await world.as_els("PUT", S9, late)).status == 201


@aio
async def test_r30_our_sessions_are_listed_with_date_from_only():
    world = await furnished()
    await at_station(world, started(world))
    listed = f"{CPO}/sessions"
    assert (await world.as_ret("GET", listed)).code == 2001
    answer = await world.as_ret("GET", listed, query={"date_from": "2026-01-01T00:00:00Z"})
    [session] = answer.data
    assert session["cdr_token"]["uid"] == token().uid
    assert session["authorization_reference"] == "ref-1"
    assert (session["location_id"], session["evse_uid"], session["connector_id"]) == ("L1", "E1", "1")


@aio
async def test_t18_sessions_and_cdrs_are_seen_by_the_tokens_issuer_alone():
    world = await furnished()
    await at_station(world, started(world, "S1"), started(world, "S2", token_party=ELS, transaction_id="8"))
    query = {"date_from": "2026-01-01T00:00:00Z"}
    assert [found["id"] for found in (await world.as_ret("GET", f"{CPO}/sessions", query=query)).data] == [
        "S1"
    ]


# --- CDRs -------------------------------------------------------------------------------------------


@aio
async def test_r40_a_cdr_posted_can_be_got_just_as_it_was_where_location_says():
    world = await World().registered()
    posted = await world.as_els("POST", f"{EMSP}/cdrs", CDR)
    assert (posted.status, posted.code) == (201, 1000)
    url = posted.headers["location"]
    assert url == "https://ret.example/ocpi/2.2.1/emsp/cdrs/SE/ELS/C9"
    got = await world.as_els("GET", url.removeprefix("https://ret.example/ocpi/"))
    assert got.data == CDR


@aio
async def test_r41_the_same_cdr_twice_is_one():
    world = await World().registered()
    first = await world.as_els("POST", f"{EMSP}/cdrs", CDR)
    spaced = json.dumps(CDR, indent=2).encode()
    second = await world.as_els("POST", f"{EMSP}/cdrs", spaced)
    assert second.code == 1000
    assert second.headers["location"] == first.headers["location"]
    facts = [recorded.fact for recorded in await world.ret.spine.read(0)]
    assert sum(isinstance(fact, f.CdrReceived) for fact in facts) == 1


@aio
async def test_t19_another_content_under_the_same_id_is_refused_and_counted():
    world = await World().registered()
    await world.as_els("POST", f"{EMSP}/cdrs", CDR)
    inflated = but(CDR, total_cost={"excl_vat": 1000.00, "incl_vat": 1250.00})
    answer = await world.as_els("POST", f"{EMSP}/cdrs", inflated)
    assert answer.code == 2000
    assert (await world.as_els("GET", f"{EMSP}/cdrs/SE/ELS/C9")).data == CDR
    assert ("peer:SE*RET/els", "OCPI REFUSED") in await world.ret.found()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (but(CDR, party_id="EVL"), (404, 2000)),
        (but(CDR, cdr_token=but(CDR_TOKEN, party_id="EVL")), (200, 2001)),
        (but(CDR, auth_method="HANDSHAKE"), (200, 2001)),
    ],
)
def test_t19_forged_cdrs_are_not_recorded(body: object, expected: tuple[int, int]):
    @aio
    async def check() -> None:
        world = await World().registered()
        answer = await world.as_els("POST", f"{EMSP}/cdrs", body)
        assert (answer.status, answer.code) == expected
        assert await world.ret.spine.find(t.cdr) == []

    check()


@aio
async def test_a_cdr_cannot_be_changed_or_deleted():
    world = await World().registered()
    await world.as_els("POST", f"{EMSP}/cdrs", CDR)
    for method in ("PUT", "PATCH", "DELETE"):
        assert (await world.as_els(method, f"{EMSP}/cdrs/SE/ELS/C9", CDR)).status == 405


@aio
async def test_our_cdrs_are_listed_for_the_tokens_issuer():
    world = await furnished()
    await issue(world)
    answer = await world.as_ret("GET", f"{CPO}/cdrs")
    [cdr] = answer.data
    assert cdr["total_cost"] == {"excl_vat": 130.0, "incl_vat": 162.5}
    assert cdr["last_updated"] == "2026-02-03T12:00:00Z"  # When it was recorded: lists go by that.
    assert cdr["cdr_token"]["contract_id"] == token().contract_id
    later = {"date_from": "2026-02-03T12:00:01Z"}
    assert (await world.as_ret("GET", f"{CPO}/cdrs", query=later)).data == []
    assert cdr_stream(ELS, ELS, "C1") in {recorded.stream for recorded in await world.els.spine.read(0)}


# --- who may be where -------------------------------------------------------------------------------


@aio
async def test_r01_wrong_missing_and_strange_tokens_are_401():
    world = await World().registered()
    assert (await call(world.ret, None, "GET", "versions")).status == 401
    assert (await call(world.ret, "wrong", "GET", "versions")).status == 401
    raw = await world.els.roaming.peers.token_out(await world.ret_at_els())
    for header in (f"Token {raw}", f"Bearer {raw}", "Token", "Basic e30="):
        answer = await call(world.ret, None, "GET", "versions", headers={"authorization": header})
        assert answer.status == 401
    assert ("address:192.0.2.1", "OCPI UNAUTHORIZED") in await world.ret.found()


@aio
async def test_r01_a_token_that_was_taken_back_is_401_at_once():
    world = await furnished()
    token, ret = await world.ret.roaming.peers.token_out(await world.els_at_ret()), await world.ret_at_els()
    path = f"{CPO}/locations"
    for _ in range(2):
        assert (await call(world.els, token, "GET", path)).status == 200
    await world.els.roaming.peers.write(ret, Secrets(token_in="n" * 32), before=ret)
    assert (await call(world.els, token, "GET", path)).status == 401
    assert (await call(world.els, "n" * 32, "GET", path)).status == 200
    ended = msgspec.structs.replace(ret, state=PeerState.ENDED)
    await world.els.roaming.peers.write(ended, Secrets(), before=ret)
    assert (await call(world.els, "n" * 32, "GET", path)).status == 401


@aio
async def test_r14_r15_answers_echo_ids_and_turn_routing_round():
    world = await World().registered()
    headers = {
        "x-request-id": "r-1",
        "x-correlation-id": "c-1",
        "ocpi-from-country-code": "SE",
        "ocpi-from-party-id": "ELS",
        "ocpi-to-country-code": "SE",
        "ocpi-to-party-id": "RET",
    }
    answer = await world.as_els("PUT", L9, LOCATION, headers=headers)
    assert answer.headers["x-request-id"] == "r-1"
    assert answer.headers["x-correlation-id"] == "c-1"
    assert answer.headers["ocpi-to-party-id"] == "ELS"
    assert answer.headers["ocpi-from-party-id"] == "RET"
    refused = await call(world.ret, "wrong", "GET", "versions", headers=headers)
    assert refused.headers["x-request-id"] == "r-1"


@pytest.mark.parametrize(("side", "other"), [("from", "EVL"), ("to", "ELS")])
def test_r09_headers_that_name_a_strange_party_are_refused(side: str, other: str):
    @aio
    async def check() -> None:
        world = await World().registered()
        headers = {f"ocpi-{side}-country-code": "SE", f"ocpi-{side}-party-id": other}
        answer = await world.as_els("PUT", L9, LOCATION, headers=headers)
        assert answer.code == 2001
        assert await world.ret.spine.find(t.location) == []

    check()


@aio
async def test_r16_versions_and_credentials_need_no_routing_headers():
    world = await World().registered()
    for path in ("versions", "2.2.1", "2.2.1/credentials"):
        assert (await world.as_els("GET", path)).code == 1000


@aio
async def test_t18_nobody_reaches_the_side_that_is_not_for_them():
    """Every endpoint, called by a peer of the wrong role or at a party without the role, is not there."""
    world = await furnished()
    values = {"country_code": "SE", "party_id": "ELS", "command": "START_SESSION"}
    for endpoint in TABLES["2.2.1"]:
        if not endpoint.side:
            continue
        names = [part for part in endpoint.template.split("/") if part]
        segments = [values.get(name.strip("{}"), "X") if "{" in name else name for name in names]
        path = "/".join(("2.2.1", endpoint.side.value, endpoint.module, *segments))
        caller = world.as_ret if endpoint.side == "emsp" else world.as_els
        answer = await caller(endpoint.method, path, {"last_updated": "2026-01-01T00:00:00Z"})
        # Either nothing is there, or the body was not even looked at for who asks.
        assert (answer.status, answer.data) in ((404, None), (200, None)), endpoint.name
        assert answer.code != 1000, endpoint.name


@aio
async def test_version_details_name_only_our_roles_sides():
    world = await World().registered()
    endpoints = (await world.as_els("GET", "2.2.1")).data["endpoints"]
    sideless = {"credentials", "hubclientinfo"}
    assert {"/emsp/" in entry["url"] for entry in endpoints if entry["identifier"] not in sideless} == {True}


@aio
async def test_what_strays_from_the_standard_is_taken_and_counted_by_field():
    world = await World().registered()
    long_city = but(LOCATION, city="x" * 46, evses=[but(EVSE, connectors=None)])
    assert (await world.as_els("PUT", L9, long_city)).code == 1000
    counted = await world.ret.found()
    assert counted["peer:SE*RET/els", "LENGTH Location/city"] == 1
    assert counted["peer:SE*RET/els", "EMPTY Location/evses/*/connectors"] == 1


@aio
async def test_a_store_that_is_down_is_503_and_says_so():
    world = await World().registered()

    async def fails(_: object) -> None:
        raise SpineDown("disk full")

    world.ret.spine._before = fails  # type: ignore[assignment]
    answer = await world.as_els("PUT", L9, LOCATION)
    assert (answer.status, answer.code) == (503, 3000)


# --- commands ---------------------------------------------------------------------------------------

START_SESSION = f"{CPO}/commands/START_SESSION"
RESPONSE_URL = "https://ret.example/ocpi/2.2.1/emsp/commands/START_SESSION/x"


def _start(**changes: object) -> dict[str, object]:
    body = {"response_url": RESPONSE_URL, "token": TOKEN, "location_id": "L1", "evse_uid": "E1"}
    return but(body, **changes)


@aio
async def test_a_start_is_taken_and_asked_of_the_station_with_the_token_and_its_reference():
    world = await furnished()
    station = await StationDouble.connected(world)
    answer = await world.as_ret("POST", START_SESSION, _start(authorization_reference="ref-9"))
    assert answer.data == {"result": "ACCEPTED", "timeout": 35}
    await station.heard.wait()
    [command] = station.asked
    assert (command.evse_id, command.asked_by, command.authorization_reference) == (1, RET, "ref-9")
    assert command.token is not None
    assert command.token.known is not None
    assert command.token.known.uid == TOKEN["uid"]
    assert (
        await world.els.spine.get(t.identity, owner=str(ELS), ref=command.token.ref, party=str(RET))
        is not None
    )


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (_start(location_id="NONE"), 2003),
        (_start(evse_uid="NONE"), 2001),
        (_start(connector_id="9"), 2001),
        (_start(token=but(TOKEN, party_id="EVL")), 2001),
        (_start(response_url="https://evil.example/x"), 2001),
        (_start(response_url="http://169.254.169.254/latest"), 2001),
        (_start(response_url="https://ret.example:444/x"), 2001),
        (_start(response_url="not a url"), 2001),
    ],
)
def test_r13_t16_a_start_we_cannot_take_is_refused_and_no_station_asked(body: object, code: int):
    @aio
    async def check() -> None:
        world = await furnished()
        station = await StationDouble.connected(world)
        assert (await world.as_ret("POST", START_SESSION, body)).code == code
        await asyncio.sleep(0)
        assert station.asked == []
        assert await world.els.spine.find(t.callback) == []

    check()


@aio
async def test_r60_a_connector_must_be_named_where_the_evse_demands_it():
    world = await furnished()
    evse = msgspec.structs.replace(location().evses[0], capabilities=("START_SESSION_CONNECTOR_REQUIRED",))
    await world.els.put(Put(t.location, location_row(ELS, location(evses=(evse,)), "own")))
    await StationDouble.connected(world)
    assert (await world.as_ret("POST", START_SESSION, _start())).code == 2001
    assert (await world.as_ret("POST", START_SESSION, _start(connector_id="1"))).data["result"] == "ACCEPTED"


@aio
async def test_t8_only_ones_own_session_can_be_stopped():
    world = await furnished()
    station = await StationDouble.connected(world)
    await at_station(world, started(world, "S1"), started(world, "S2", token_party=ELS, transaction_id="8"))
    stop = {"response_url": RESPONSE_URL, "session_id": "S2"}
    answer = await world.as_ret("POST", f"{CPO}/commands/STOP_SESSION", stop)
    assert answer.data["result"] == "UNKNOWN_SESSION"
    assert (await world.as_ret("POST", f"{CPO}/commands/STOP_SESSION", stop | {"session_id": "S1"})).data[
        "result"
    ] == "ACCEPTED"
    await station.heard.wait()
    assert [command.session_id for command in station.asked] == ["S1"]


@aio
async def test_an_unlock_names_the_connector_by_its_number():
    world = await furnished()
    station = await StationDouble.connected(world)
    body = {"response_url": RESPONSE_URL, "location_id": "L1", "evse_uid": "E1", "connector_id": "1"}
    answer = await world.as_ret("POST", f"{CPO}/commands/UNLOCK_CONNECTOR", body)
    assert answer.data["result"] == "ACCEPTED"
    await station.heard.wait()
    assert (station.asked[0].evse_id, station.asked[0].connector_id) == (1, 1)

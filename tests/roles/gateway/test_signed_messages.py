"""Signed messages over real sockets: as through a Local Controller that may be honest, or not."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import websockets

from elstrada.model import facts as f
from elstrada.model.answers import AskParty
from elstrada.model.device import Station
from elstrada.model.ids import PartyId, station_stream
from elstrada.model.party import BusinessDetails, Party, Role
from elstrada.model.security import Signatures
from elstrada.model.token import Verdict
from elstrada.net.chance import SystemChance
from elstrada.net.clock import SystemClock
from elstrada.net.stations import serve_stations
from elstrada.ocpp.signed import opened
from elstrada.roles.desk.parties import settle_parties
from elstrada.roles.findings import Findings
from elstrada.roles.gateway.gateway import Gateway
from elstrada.roles.gateway.signatures import BAD_SIGNATURE, MOST_KEPT, REPLAYED, UNSIGNED, Seen
from elstrada.roles.keys import derived_keys
from elstrada.roles.message_keys import Signer, read_keys, read_signer
from elstrada.roles.wirelog.keeping import WireKeeper
from elstrada.roles.wirelog.reading import Logged, Wanted, every
from elstrada.roles.wirelog.store import SUFFIX, Bounds
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Work
from elstrada.spine.memory import MemorySpine
from elstrada.spine.post import LocalPost
from jws import Pair, new_ec, new_rsa, signed
from jws import opened as opened_by_hand

CPO = PartyId("SE", "ELS")
KEYS = derived_keys("test")
PASSWORD = "a-machine-made-password"
UID = "04A2B3C4D5E6F7"
EC, RSA, OURS, STRANGER = new_ec(), new_rsa(), new_ec("csms"), new_ec()
BOOT = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}
CARD = {"idToken": {"idToken": UID, "type": "ISO14443"}}
OFF, CHECKED, REQUIRED = Signatures
VERSIONS = pytest.mark.parametrize("version", ["ocpp2.0.1", "ocpp2.1"])
Json = Any


class Fallbacks:
    async def authorize(self, owner: PartyId, question: AskParty) -> Verdict:
        return question.fallback


class Refused(Exception):
    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code, self.text = code, text


class Line:
    """A station's socket, or that of a controller in its name."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        self.socket = socket
        self._ids = map(str, itertools.count(1))

    async def call(self, action: str, payload: Json, message_id: str | None = None) -> Json:
        message_id = message_id or f"m{next(self._ids)}"
        await self.socket.send(json.dumps([2, message_id, action, payload]))
        async with asyncio.timeout(5):
            answer = json.loads(await self.socket.recv())
        assert answer[1] == message_id
        if answer[0] == 4:
            raise Refused(answer[2], answer[3])
        return answer[2]

    async def signed(self, pair: Pair, action: str, payload: Json, **header: Json) -> Json:
        return await self.call(f"{action}-Signed", signed(pair, action, payload, **header))

    async def refused(self, action: str, payload: Json, message_id: str | None = None) -> tuple[str, str]:
        with pytest.raises(Refused) as refused:
            await self.call(action, payload, message_id)
        return refused.value.code, refused.value.text


class House:
    """A gateway with a wire log."""

    def __init__(self, folder: Path, signer: Signer | None) -> None:
        clock = SystemClock()
        self.folder, self.spine = folder, MemorySpine(clock)
        self.findings = Findings(self.spine, clock)
        self.keeper = WireKeeper(folder, "n1", Bounds(), clock)
        self.gateway = Gateway(
            self.spine,
            KEYS,
            clock,
            SystemChance(),
            Fallbacks(),
            self.findings,
            LocalPost(),
            (CPO,),
            "n1",
            wire_log=self.keeper.log,
            signer=signer,
        )
        self.port: int | None = 0

    @contextlib.asynccontextmanager
    async def dial(self, version: str = "ocpp2.0.1") -> AsyncIterator[Line]:
        basic = base64.b64encode(f"CP1:{PASSWORD}".encode()).decode()
        async with websockets.connect(
            f"ws://127.0.0.1:{self.port}/ocpp/CP1",
            subprotocols=[websockets.Subprotocol(version)],
            additional_headers={"Authorization": f"Basic {basic}"},
        ) as socket:
            yield Line(socket)

    def count(self, code: str) -> int:
        return self.findings.unsaved(f"station:{CPO}/CP1", code)

    async def facts(self, kind: type[f.Fact]) -> list[f.Fact]:
        recorded = await self.spine.facts(station_stream(CPO, "CP1"), limit=1000)
        return [one.fact for one in recorded if isinstance(one.fact, kind)]

    async def logged(self) -> list[Logged]:
        until = time.monotonic() + 20
        while not self.keeper.writer.idle:
            assert time.monotonic() < until
            await asyncio.sleep(0.02)
        path = self.folder / f"n1{SUFFIX}"
        return list(every([path], Wanted(station_id="CP1")))


@contextlib.asynccontextmanager
async def house(
    folder: Path, mode: Signatures, *pairs: Pair, signer: Signer | None = None
) -> AsyncIterator[House]:
    home = House(folder, signer)
    await home.spine.start()
    await settle_parties(home.spine, [Party(CPO, (Role.CPO,), BusinessDetails("Us"), "SEK")])
    keys = read_keys("".join(pair.pem for pair in pairs).encode()) if pairs else ()
    station = Station(owner=CPO, id="CP1", signatures=mode, signing_keys=keys)
    row = {
        "owner": str(CPO),
        "station_id": "CP1",
        "password_hash": KEYS.station_hash("CP1", PASSWORD.encode()),
        "document": msgspec.json.encode(station).decode(),
        "changed_at": SystemClock().now(),
    }
    await home.spine.commit(Work(writes=(Put(t.station, row),)))
    home.keeper.writer.start()
    await home.gateway.start()
    server = await serve_stations(home.gateway, host="127.0.0.1", port=0, clock=SystemClock())
    home.port = server.port
    try:
        yield home
    finally:
        await server.close()
        await home.gateway.stop()
        await home.keeper.stop()


@pytest.fixture
def our_key(tmp_path: Path) -> Signer:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    key.write_text(OURS.private_pem)
    certificate.write_text(OURS.pem)
    return read_signer(key, certificate)


def moment() -> str:
    return SystemClock().now().isoformat(timespec="milliseconds").replace("+00:00", "Z")


def started(transaction_id: str = "T1") -> Json:
    return {
        "eventType": "Started",
        "timestamp": moment(),
        "triggerReason": "Authorized",
        "seqNo": 0,
        "transactionInfo": {"transactionId": transaction_id},
        "evse": {"id": 1, "connectorId": 1},
        **CARD,
    }


def status(word: str = "Occupied") -> Json:
    return {"timestamp": moment(), "connectorStatus": word, "evseId": 1, "connectorId": 1}


# --- what is good ------------------------------------------------------------------------------------


@VERSIONS
@pytest.mark.parametrize(("mode", "pairs"), [(OFF, ()), (CHECKED, (EC, RSA)), (REQUIRED, (EC, RSA))])
@pytest.mark.parametrize(("pair", "alg"), [(EC, "ES256"), (RSA, "RS256"), (RSA, "RS384")])
async def test_a_signed_message_is_served_as_the_message_in_it(
    tmp_path: Path, version: str, mode: Signatures, pairs: tuple[Pair, ...], pair: Pair, alg: str
) -> None:
    async with house(tmp_path, mode, *pairs) as home, home.dial(version) as line:
        answer = await line.signed(pair, "BootNotification", BOOT, alg=alg)
        assert answer["status"] == "Accepted", "without a key of ours the answer is not signed"
        (booted,) = await home.facts(f.StationBooted)
        assert (booted.vendor, booted.model) == ("V", "M")
        assert "currentTime" in await line.signed(pair, "Heartbeat", {}, alg=alg)
        assert "currentTime" in await line.signed(pair, "Heartbeat", {}, alg=alg), "in the same words"
        await line.signed(pair, "TransactionEvent", started(), alg=alg)
        assert len(await home.facts(f.SessionStarted)) == 1
        assert {home.count(code) for code in (BAD_SIGNATURE, UNSIGNED, REPLAYED)} == {0}
        assert home.gateway.tally.messages[version, "TransactionEvent", "answered"] == 1


@VERSIONS
async def test_the_answer_to_a_signed_call_is_signed_by_our_key_and_no_other_answer_is(
    tmp_path: Path, version: str, our_key: Signer
) -> None:
    async with house(tmp_path, CHECKED, EC, signer=our_key) as home, home.dial(version) as line:
        jws = await line.signed(EC, "BootNotification", BOOT)
        header, payload = opened_by_hand(jws)
        assert payload["status"] == "Accepted"
        assert (header["OCPPAction"], header["OCPPMessageTypedId"]) == ("BootNotification", 3)
        assert header["x5t#S256"] == OURS.thumbprint
        assert OURS.verify(jws)
        assert "currentTime" in await line.call("Heartbeat", {})


async def test_what_is_wrong_with_the_message_in_it_is_told_as_of_any_other(tmp_path: Path) -> None:
    async with house(tmp_path, CHECKED, EC) as home, home.dial() as line:
        with pytest.raises(Refused, match="OccurrenceConstraintViolation"):
            await line.signed(EC, "StatusNotification", {"timestamp": moment()})
        with pytest.raises(Refused, match="NotImplemented"):
            await line.signed(EC, "Nonsense", {})
        with pytest.raises(Refused, match="NotSupported"):
            await line.signed(EC, "Reset", {})
        code, _ = await line.refused("Heartbeat-Signed", {"payload": "e30"})
        assert code == "FormatViolation"
        assert "currentTime" in await line.call("Heartbeat", {}), "the line goes on"
        assert home.count(BAD_SIGNATURE) == 0


async def test_a_transaction_event_that_comes_again_is_answered_as_before(
    tmp_path: Path, our_key: Signer
) -> None:
    """P2 and rule 12, by its message id and by its content: an answer that is lost must not cost a session."""
    async with house(tmp_path, CHECKED, EC, signer=our_key) as home:
        jws = signed(EC, "TransactionEvent", started())
        async with home.dial() as line:
            first = await line.call("TransactionEvent-Signed", jws, "same")
            again = await line.call("TransactionEvent-Signed", jws, "same")
            assert again == first, "even its signature"
        async with home.dial() as line:
            assert await line.call("TransactionEvent-Signed", jws, "same") == first
            other = await line.call("TransactionEvent-Signed", jws, "other")
            assert opened_by_hand(other)[1] == opened_by_hand(first)[1]
            unsigned = await line.call("TransactionEvent", opened_by_hand(jws)[1], "third")
            assert unsigned == opened_by_hand(first)[1]
        assert len(await home.facts(f.SessionStarted)) == 1
        assert home.count(REPLAYED) == 0


async def test_what_is_sent_without_an_answer_may_be_signed_too(tmp_path: Path) -> None:
    stream = {"id": 1, "pending": 0, "basetime": moment(), "data": [{"t": 0, "v": "1"}]}
    async with house(tmp_path, CHECKED, EC) as home, home.dial("ocpp2.1") as line:
        for pair, kind in ((EC, 6), (STRANGER, 6), (EC, 2)):
            jws = signed(pair, "NotifyPeriodicEventStream", stream, kind=kind)
            await line.socket.send(json.dumps([6, "s", "NotifyPeriodicEventStream-Signed", jws]))
        await line.call("Heartbeat", {})
        outcomes = home.gateway.tally.messages
        assert outcomes["ocpp2.1", "NotifyPeriodicEventStream", "taken"] == 1
        assert outcomes["ocpp2.1", "NotifyPeriodicEventStream", "refused"] == 2
        assert home.count(BAD_SIGNATURE) == 2


# --- what is not -------------------------------------------------------------------------------------


@VERSIONS
@pytest.mark.parametrize("mode", [CHECKED, REQUIRED])
async def test_what_the_station_has_not_signed_is_refused_counted_and_has_no_effect(
    tmp_path: Path, version: str, mode: Signatures
) -> None:
    boot = signed(EC, "BootNotification", BOOT)
    other = signed(EC, "BootNotification", BOOT | {"reason": "Triggered"})
    forged = {
        "another payload": ("BootNotification", boot | {"payload": other["payload"]}),
        "another header": (
            "BootNotification",
            boot | {"protected": signed(RSA, "BootNotification", BOOT)["protected"]},
        ),
        "another signature": ("BootNotification", boot | {"signature": other["signature"]}),
        "another key": ("BootNotification", signed(STRANGER, "BootNotification", BOOT)),
        "another key under its name": (
            "BootNotification",
            signed(STRANGER, "BootNotification", BOOT, **{"x5t#S256": EC.thumbprint}),
        ),
        "another action": ("Authorize", signed(EC, "BootNotification", CARD)),
        "an answer's type": ("BootNotification", signed(EC, "BootNotification", BOOT, kind=3)),
        "none": ("BootNotification", signed(EC, "BootNotification", BOOT, alg="none")),
        "the public key as a secret": ("BootNotification", signed(EC, "BootNotification", BOOT, alg="HS256")),
        "no signature": ("BootNotification", boot | {"signature": ""}),
    }
    async with house(tmp_path, mode, EC) as home, home.dial(version) as line:
        for number, (what, (action, jws)) in enumerate(forged.items(), 1):
            code, text = await line.refused(f"{action}-Signed", jws)
            assert (code, UID in text) == ("SecurityError", False), what
            assert home.count(BAD_SIGNATURE) == number, what
        assert await home.facts(f.StationBooted) == []
        assert await home.facts(f.AuthorizationDecided) == []
        assert (await line.call("BootNotification-Signed", boot))["status"] == "Accepted"


async def test_an_unsigned_message_of_weight_is_refused_only_where_signatures_are_required(
    tmp_path: Path,
) -> None:
    async with house(tmp_path / "a", REQUIRED, EC) as home, home.dial() as line:
        for action, payload in (
            ("BootNotification", BOOT),
            ("Authorize", CARD),
            ("TransactionEvent", started()),
        ):
            code, text = await line.refused(action, payload)
            assert (code, "must be signed" in text) == ("SecurityError", True)
        assert home.count(UNSIGNED) == 3
        assert "currentTime" in await line.call("Heartbeat", {})
        assert await line.call("StatusNotification", status()) == {}
        assert await home.facts(f.SessionStarted) == []
    async with house(tmp_path / "b", CHECKED, EC) as home, home.dial() as line:
        assert (await line.call("BootNotification", BOOT))["status"] == "Accepted"
        assert home.count(UNSIGNED) == 0


async def test_an_older_version_is_no_way_round_required_signatures(tmp_path: Path) -> None:
    boot = {"chargePointVendor": "V", "chargePointModel": "M"}
    start = {"connectorId": 1, "idTag": UID, "meterStart": 0, "timestamp": moment()}
    async with house(tmp_path, REQUIRED, EC) as home, home.dial("ocpp1.6") as line:
        for action, payload in (("BootNotification", boot), ("StartTransaction", start)):
            assert (await line.refused(action, payload))[0] == "SecurityError"
        assert (await line.refused("Authorize-Signed", signed(EC, "Authorize", {"idTag": UID})))[
            0
        ] == "NotImplemented"
        assert await home.facts(f.SessionStarted) == []


@pytest.mark.parametrize("pair", [EC, RSA])
async def test_a_controller_cannot_say_again_what_names_its_moment(tmp_path: Path, pair: Pair) -> None:
    occupied, free = status("Occupied"), status("Available")
    old, new = (signed(pair, "StatusNotification", told) for told in (occupied, free))
    async with house(tmp_path, CHECKED, pair) as home:
        async with home.dial() as line:
            assert await line.call("StatusNotification-Signed", old, "1") == {}
            assert await line.call("StatusNotification-Signed", new, "2") == {}
            assert await line.call("StatusNotification-Signed", old, "1") == {}, (
                "its answer may have been lost"
            )
            code, text = await line.refused("StatusNotification-Signed", old, "3")
            assert (code, "came before" in text) == ("SecurityError", True)
        async with home.dial() as line:
            assert (await line.refused("StatusNotification-Signed", old, "4"))[0] == "SecurityError"
        assert home.count(REPLAYED) == 2


def test_the_messages_that_are_remembered_are_bounded_and_the_oldest_goes_first() -> None:
    seen, messages = Seen(), []
    for n in range(MOST_KEPT + 1):
        message = opened("X-Signed", json.dumps(signed(EC, "X", {"n": n})).encode())
        messages.append(message)
        seen.note(message, "first")
    assert not seen.is_replay(messages[0], "second")
    assert seen.is_replay(messages[1], "second")


# --- the wire log ------------------------------------------------------------------------------------


async def test_the_wire_log_shows_what_was_signed_without_its_secrets(
    tmp_path: Path, our_key: Signer
) -> None:
    async with house(tmp_path / "home", CHECKED, EC, signer=our_key) as home, home.dial() as line:
        jws = signed(EC, "Authorize", CARD)
        answer = await line.call("Authorize-Signed", jws)
        broken = {"payload": jws["payload"], "protected": "%", "signature": "x"}
        assert (await line.refused("Authorize-Signed", broken))[0] == "FormatViolation"
        logged = await home.logged()
    call, unreadable = [one for one in logged if one.kind == "call"]
    assert call.action == "Authorize-Signed"
    assert '"OCPPAction":"Authorize"' in call.text
    assert '"type":"ISO14443"' in call.text
    assert call.answer is not None
    assert '"status":"Invalid"' in call.answer.text, "our signed answer is shown as well"
    frames = " ".join(one.text + (one.answer.text if one.answer else "") for one in logged)
    assert json.loads(unreadable.text)[2:] == ["Authorize-Signed", "***"]
    for secret in (UID, jws["payload"], answer["payload"]):
        assert secret not in frames

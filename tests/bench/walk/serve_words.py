"""The gateway's words without its store: decode, decide, encode, one answer per frame."""

from __future__ import annotations

import argparse
import asyncio

import msgspec
import uvloop
from shared import PASSWORD, TOKEN, names

from elstrada.charging.state import StationState, evolve
from elstrada.charging.station import decide
from elstrada.charging.trust import Credential, claimed, may_enter
from elstrada.model import asks
from elstrada.model.ids import PartyId
from elstrada.model.token import Token, Whitelist
from elstrada.net.chance import SystemChance
from elstrada.net.clock import SystemClock
from elstrada.net.face import Admitted, Knock, Refused, StationSocket
from elstrada.net.stations import serve_stations
from elstrada.ocpp.connection import CallReceived, Connection
from elstrada.ocpp.versions import OCPP16
from elstrada.roles.keys import derived_keys
from elstrada.roles.serve import settle


async def serve(stations: int) -> None:
    keys, clock, chance = derived_keys("bench"), SystemClock(), SystemChance()
    owner, emsp = PartyId("SE", "ELS"), PartyId("SE", "RET")
    hashes = {name: keys.station_hash(name, PASSWORD.encode()) for name in names(stations)}
    token = Token(
        party=emsp,
        uid=TOKEN,
        contract_id="C",
        issuer="I",
        valid=True,
        whitelist=Whitelist.ALLOWED,
        last_updated=clock.now(),
    )

    class Line:
        def __init__(self, socket: StationSocket, name: str) -> None:
            self.socket, self.connection = socket, Connection(OCPP16.dialect)
            self.state = StationState(owner=owner, station_id=name)

        def received(self, frame: bytes) -> None:
            now = clock.now()
            (call,) = self.connection.receive(frame, now)
            assert isinstance(call, CallReceived)
            ask = OCPP16.read_call(call.action, call.payload, now).ask
            if getattr(ask, "token", None) is not None:
                known = asks.PresentedToken(uid=ask.token.uid, ref=keys.token_ref(ask.token.uid), known=token)
                ask = msgspec.structs.replace(ask, token=known)
            decision = decide(self.state, ask, now, chance.fresh())
            for fact in decision.facts:
                self.state = evolve(self.state, fact, now)
            self.connection.answer(call.id, OCPP16.write_answer(call.action, decision.answer))
            for answer in self.connection.frames_to_send():
                self.socket.send(answer)

        def closed(self, code: int, reason: str) -> None: ...

    class Porter:
        def admit(self, knock: Knock) -> Admitted | Refused:
            entry = claimed(knock.path, knock.headers.get("authorization"), now=knock.at)
            assert not isinstance(entry, str)
            credential = Credential(str(owner), entry.station_id, hashes.get(entry.station_id))
            if may_enter(entry, [credential], keys.station_hash) is None:
                return Refused(401)
            return Admitted(str(owner), entry.station_id, "ocpp1.6")

        def opened(self, socket: StationSocket, admitted: Admitted) -> Line:
            return Line(socket, admitted.station_id)

    server = await serve_stations(Porter(), host="127.0.0.1", port=0, clock=clock)
    settle()
    print(server.port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    words = argparse.ArgumentParser()
    words.add_argument("--stations", type=int, required=True)
    uvloop.run(serve(words.parse_args().stations))

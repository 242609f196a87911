"""The CSMS under test: the real gateway, the operator's real desk, a real store, a real WebSocket server."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from cert_station import PATIENCE_S, Json, Station

from elstrada.model.answers import AskParty
from elstrada.model.device import CommandResult
from elstrada.model.facts import SessionStarted
from elstrada.model.ids import PartyId, station_stream
from elstrada.model.party import BusinessDetails, Party, Role
from elstrada.model.token import Allowed, AuthMethod, Token, Verdict, Whitelist
from elstrada.net.certificates import Certificates
from elstrada.net.chance import SystemChance
from elstrada.net.clock import SystemClock
from elstrada.net.doors import Tls
from elstrada.net.station_server import StationServer
from elstrada.net.stations import serve_stations
from elstrada.roles.contracts.contracts import PlugAndCharge
from elstrada.roles.desk.calls import CallEnd
from elstrada.roles.desk.commands import CommandEnd
from elstrada.roles.desk.face import Desk, Kind, Refusal
from elstrada.roles.desk.parties import settle_parties
from elstrada.roles.desk.station_card import StationCard
from elstrada.roles.desk.table import params_of, perform, verb_named
from elstrada.roles.findings import Findings
from elstrada.roles.gateway.gateway import Gateway
from elstrada.roles.keys import derived_keys
from elstrada.roles.roaming.rows import token_row
from elstrada.roles.signing.face import Authority
from elstrada.roles.signing.signers import V2gAuthority
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Row, Work
from elstrada.spine.post import LocalPost
from elstrada.spine.sqlite import SqliteSpine
from sqlite_file import migrated_file

US, PARTNER = PartyId("SE", "ELS"), PartyId("SE", "RET")
KEYS = derived_keys("certification")
GROUP, MASTER_GROUP = "FLEET-1", "MASTERPASS"
VALID, VALID2, LONE, BLOCKED, MASTER = "CARD0001", "CARD0002", "CARD0003", "CARD0004", "CARD0005"
"""Cards of ours: two of one group, one of none, one that may not charge, and the one that stops them all."""
EXPIRED, UNKNOWN = "CARD0006", "CARD9999"
"""A partner's card that has expired, and a card that nobody knows."""
_names = count(1)


class Partners:
    """The eMSPs next door: one answers that its card has expired, nobody knows any other card."""

    async def authorize(self, owner: PartyId, question: AskParty) -> Verdict:
        if question.token_uid == EXPIRED:
            return Verdict(allowed=Allowed.EXPIRED, method=AuthMethod.AUTH_REQUEST, party=PARTNER)
        return question.fallback


@dataclass
class Csms:
    spine: SqliteSpine
    gateway: Gateway
    server: StationServer
    desk: Desk

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.server.port}/ocpp"

    @property
    def tls_url(self) -> str:
        return f"wss://localhost:{self.server.tls_port}/ocpp"

    # --- the operator --------------------------------------------------------------------------------

    async def does(self, verb: str, **params: Json) -> Any:
        """Do a verb, whatever it comes to: its result, or its refusal."""
        found = verb_named(verb)
        assert found is not None, verb
        read = params_of(found, params)
        return read if isinstance(read, Refusal) else await perform(self.desk, found, read)

    async def done(self, verb: str, **params: Json) -> Any:
        """Do a verb that must be done."""
        end = await self.does(verb, **params)
        assert not isinstance(end, Refusal), end
        return end

    async def newcomer(self, protocol: str) -> Station:
        """A station of ours that has never been here."""
        added = await self.done("station add", station=f"CS{next(_names):04}", strict=True)
        await self.gateway.roll.refresh()
        return Station(added.station, added.password, protocol)

    async def calls(
        self, station: Station, action: str, payload: Json, /, **answer: Json
    ) -> tuple[Json, CallEnd]:
        """The manual action of a case: have the station called, which answers as the case says.

        Returns:
            What the station was asked, and what the operator is told.
        """
        params = {"station": station.name, "action": action, "payload": json.dumps(payload)}
        asked, end = await self.asking(station, action, "station call", params, answer)
        assert isinstance(end, CallEnd), end
        assert json.loads(bytes(end.response)) == answer, "he is told just what the station answered"
        return asked, end

    async def calls_in_portions(
        self, station: Station, action: str, payload: Json, answers: Sequence[Json]
    ) -> tuple[list[Json], CallEnd]:
        """The same, for a call that the station takes in several messages only.

        Returns:
            What it was asked in each, and what the operator is told in the end.
        """
        params = {"station": station.name, "action": action, "payload": json.dumps(payload)}
        doing = asyncio.create_task(self.does("station call", **params))
        asked: list[Json] = []
        for answer in answers:
            one = await station.asked(action)
            asked.append(one.payload)
            await one.answer(**answer)
        end = await doing
        assert isinstance(end, CallEnd), end
        return asked, end

    async def calls_in_vain(self, station: Station, action: str, payload: Json, code: str) -> Refusal:
        """The same, but the station answers with a CALLERROR. Returns what the operator is told."""
        params = {"station": station.name, "action": action, "payload": json.dumps(payload)}
        doing = asyncio.create_task(self.does("station call", **params))
        asked = await station.asked(action)
        assert asked.payload == payload
        await asked.refuse(code)
        end = await doing
        assert isinstance(end, Refusal), end
        return end

    async def commands(
        self, station: Station, command: str, action: str, /, *, answer: Mapping[str, Json], **params: Json
    ) -> tuple[Json, CommandEnd | Refusal]:
        """The same by a command that the desk has a word of its own for."""
        params = {"station": station.name, "command": command, **params}
        return await self.asking(station, action, "station command", params, answer)

    async def asking(
        self, station: Station, action: str, verb: str, params: Json, answer: Mapping[str, Json]
    ) -> tuple[Json, Any]:
        """The same by any verb that has the station asked something."""
        doing = asyncio.create_task(self.does(verb, **params))
        meeting = asyncio.create_task(station.asked(action))
        await asyncio.wait({doing, meeting}, return_when=asyncio.FIRST_COMPLETED)
        if not meeting.done():
            meeting.cancel()
            raise AssertionError(f"the station was not asked {action}: {doing.result()}")
        asked = meeting.result()
        await asked.answer(**answer)
        return asked.payload, await doing

    # --- what the operator sees afterwards -----------------------------------------------------------

    async def card(self, station: Station) -> StationCard:
        return await self.done("station show", station=station.name)

    async def shows(self, station: Station, *expected: tuple[int, str]) -> None:
        """The connectors as the operator sees them, each as its EVSE and status."""
        card = await self.card(station)
        seen = [(one.evse_id, one.status) for one in card.connectors]
        assert seen == list(expected), seen

    async def sessions(self, station: Station) -> list[Row]:
        """The station's sessions, in their order."""
        where = {"owner": str(US), "station_id": station.name}
        return await self.spine.find(t.session, where, order=("first_version",), limit=100)

    async def events(self, station: Station) -> list[Json]:
        """What the station reported of its components, in the order of the log."""
        where = {"owner": str(US), "station_id": station.name}
        rows = await self.spine.find(t.station_event, where, order=("version",), limit=1000)
        return [json.loads(str(row["document"])) for row in rows]

    async def until(self, station: Station, *, connected: bool) -> None:
        """Wait until the operator sees the station so."""
        async with asyncio.timeout(PATIENCE_S):
            while (await self.card(station)).connected is not connected:  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    async def raised(self, station: Station, profile: int) -> None:
        """Wait until the operator sees that the station must come with this security profile."""
        async with asyncio.timeout(PATIENCE_S):
            while (await self.card(station)).minimum_profile != profile:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        await self.gateway.roll.refresh()

    async def comes_back(self, station: Station) -> None:
        """The station loses its connection, and has a new one a little later."""
        await station.disconnect()
        await self.until(station, connected=False)
        await station.connect(self.url)
        await self.until(station, connected=True)

    async def strayed(self, station: Station) -> dict[str, str]:
        """What the operator sees that strayed at the station, each with its last sample."""
        await self.gateway.findings.flush()
        lines = await self.done("finding list")
        return {one.code: one.sample for one in lines if one.source == f"station:{US}/{station.name}"}

    async def items(self, station: Station, kind: str) -> dict[str, Json]:
        """What the operator sees that the station has in store, of a kind."""
        lines = await self.done("station items", station=station.name, kind=kind)
        return {line.key: json.loads(bytes(line.document)) for line in lines}

    async def values(self, station: Station) -> dict[str, str | None]:
        """The variables whose actual value the operator sees."""
        known = await self.items(station, "VARIABLE")
        return {key: told["attributes"][0].get("value") for key, told in known.items()}

    async def notices(self, station: Station, kind: str) -> list[tuple[str, int | None]]:
        """What the operator sees that the station told of itself: status and number of our request."""
        lines = await self.done("station notices", station=station.name, kind=kind)
        return [(line.status, line.request_id) for line in reversed(lines)]

    async def started(self, station: Station) -> list[SessionStarted]:
        """The starts that the log tells of."""
        recorded = await self.spine.facts(station_stream(US, station.name), limit=1000)
        return [one.fact for one in recorded if isinstance(one.fact, SessionStarted)]

    async def session(self, station: Station) -> Row:
        """Its only session."""
        (one,) = await self.sessions(station)
        return one


def refused(end: object, result: CommandResult) -> None:
    """The operator was told that the station did not do it, and how it put that."""
    assert isinstance(end, Refusal), end
    assert end.kind is Kind.REFUSED
    assert result.value in end.says, end.says


def accepted(end: object, result: CommandResult = CommandResult.ACCEPTED) -> None:
    assert isinstance(end, CommandEnd), end
    assert end.result is result


@contextlib.asynccontextmanager
async def serving(
    folder: Path,
    certificates: Certificates | None = None,
    authority: Authority | None = None,
    plug_and_charge: PlugAndCharge | None = None,
    v2g_authority: V2gAuthority | None = None,
) -> AsyncIterator[Csms]:
    """A CSMS on a store of its own, with cards; with certificates also by TLS, and one that may sign."""
    clock, chance, post = SystemClock(), SystemChance(), LocalPost()
    spine = SqliteSpine(migrated_file(folder / "elstrada.db"), clock)
    await spine.start()
    business = BusinessDetails("Elstrada Laddning")
    await settle_parties(spine, (Party(US, (Role.CPO, Role.EMSP), business, "SEK"),))
    findings = Findings(spine, clock)
    gateway = Gateway(
        spine,
        KEYS,
        clock,
        chance,
        Partners(),
        findings,
        post,
        (US,),
        organization="Elstrada tests",
        authority=authority,
        plug_and_charge=plug_and_charge,
        v2g_authority=v2g_authority,
    )
    await gateway.start()
    server = await serve_stations(
        gateway, host="127.0.0.1", port=0, clock=clock, tls=Tls(certificates=certificates)
    )
    desk = Desk(spine=spine, keys=KEYS, clock=clock, chance=chance, post=post)
    csms = Csms(spine, gateway, server, desk)
    await _cards(csms)
    try:
        yield csms
    finally:
        await server.close(per_second=10_000)
        await gateway.stop()
        await spine.close()


async def _cards(csms: Csms) -> None:
    await csms.done("customer put", id="C1", name="Anna Ek")
    await csms.done("plan put", id="P1", name="Fast", mode="FIXED_PER_KWH", price_per_kwh="2.5")
    await csms.done("contract put", id="SEELSC00000001", customer="C1", plan="P1", supply_point="735999")
    for uid, group, blocked in (
        (VALID, GROUP, False),
        (VALID2, GROUP, False),
        (LONE, None, False),
        (BLOCKED, None, True),
        (MASTER, MASTER_GROUP, False),
    ):
        params = {"uid": uid, "contract": "SEELSC00000001", "blocked": blocked}
        await csms.done("token add", **params, **({"group": group} if group else {}))
    await csms.spine.commit(Work(writes=(_partners_card(),)))


def _partners_card() -> Put:
    """As its eMSP sent it, by OCPI; it is to be asked each time."""
    token = Token(
        party=PARTNER,
        uid=EXPIRED,
        contract_id="SERETC00000001",
        issuer="Retail El",
        valid=True,
        whitelist=Whitelist.NEVER,
        last_updated=datetime(2026, 3, 1, tzinfo=UTC),
    )
    return Put(t.token, token_row(US, token, KEYS.token_ref(EXPIRED)))

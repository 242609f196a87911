"""A station, as the verb that limits it sees and calls it."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from elstrada.charging.composite import Supply
from elstrada.charging.limits import Running, Target
from elstrada.model.answers import CommandDone
from elstrada.model.device import CommandResult, Station
from elstrada.model.facts import MeterSampled
from elstrada.model.ids import PartyId, station_stream
from elstrada.model.mirror import ItemKind, Variable
from elstrada.model.party import Role
from elstrada.model.profile import Abilities, Profile
from elstrada.model.quantity import MeterSample
from elstrada.ocpp.profiles import abilities
from elstrada.ocpp.versions import Version
from elstrada.ocpp.wire import Wire, encode
from elstrada.roles.desk.calling import called, version_of
from elstrada.roles.desk.commands import not_done
from elstrada.roles.desk.face import Desk, Kind, Refused
from elstrada.roles.desk.limit import LimitStation
from elstrada.roles.desk.lookups import needed, own_party
from elstrada.roles.feeding import connectors_of, supply_of
from elstrada.roles.findings import Findings
from elstrada.spine import tables as t
from elstrada.spine.face import Cell, Row
from elstrada.spine.makes import make_in

NOT_APPLIED = "limit not applied"
MOST_CONNECTORS = 1_000
_Told = TypeVar("_Told", Profile, Variable)


async def hand_on(desk: Desk, params: LimitStation) -> Hand:
    """The station of a verb, once it is known which OCPP version it speaks."""
    owner = (await own_party(desk, params.party, Role.CPO)).id
    what = f"station {params.station[:48]!r} of {owner}"
    key = {"owner": str(owner), "station_id": params.station}
    record = await needed(desk, t.station, what, "see `elstrada station list`", **key)
    version = await version_of(desk, owner, params.station)
    state = await needed(desk, t.station_state, what, **key)
    return Hand(desk, params, owner, version, record, state)


class Hand:
    """One station, as this verb sees and calls it."""

    def __init__(
        self, desk: Desk, params: LimitStation, owner: PartyId, version: Version, record: Row, state: Row
    ) -> None:
        self.desk, self.params, self.owner, self.version = desk, params, owner, version
        self.station = msgspec.json.decode(str(record["document"]), type=Station)
        self.quirks = desk.quirks.of(make_in(state), self.station.quirks)
        self._key = {"owner": str(owner), "station_id": params.station}
        self._stream = station_stream(owner, params.station)

    async def call(self, action: str, fields: Wire) -> CommandDone:
        """Call the station.

        Raises:
            Refused: it is away, or did not answer; then nothing more is tried.
        """
        params = self.params
        command_id, done = await called(
            self.desk, self.owner, params.station, action, encode(fields).decode(), params.deadline_s
        )
        if done.result in (CommandResult.OFFLINE, CommandResult.TIMEOUT):
            raise not_done(params.station, action, command_id, done)
        return done

    async def profiles(self) -> tuple[Profile, ...]:
        return tuple(await self._items(ItemKind.CHARGING_PROFILE, Profile))

    async def is_in_a_hurry(self, transaction_id: str | None) -> bool:
        """Does its session's own profile not count now (2.1 K21)?"""
        if transaction_id is None:
            return False
        key = {**self._key, "kind": ItemKind.PRIORITY_CHARGING.value, "key": transaction_id}
        return await self.desk.spine.get(t.station_item, **key) is not None

    async def abilities(self) -> Abilities:
        """What the station takes; asked for if it did not tell yet (rule 28)."""
        told = await self._abilities()
        if not told.are_told:
            await self.call(*self.version.profiles.abilities)
            told = await self._abilities()
        return told

    async def _abilities(self) -> Abilities:
        return abilities(await self._items(ItemKind.VARIABLE, Variable), self.version.profiles.keys)

    async def _items(self, kind: ItemKind, of: type[_Told]) -> list[_Told]:
        rows = await self.desk.spine.find(
            t.station_item, {**self._key, "kind": kind.value}, order=("key",), limit=20_000
        )
        return [msgspec.json.decode(str(row["document"]), type=of) for row in rows]

    async def target(self) -> Target:
        """What shall be limited, among what the station has and does."""
        open_ = await self.desk.spine.find(t.session, {**self._key, "ended_at": None}, order=("started_at",))
        running = tuple(_running(row) for row in open_ if row["transaction_id"] and row["evse_id"])
        connectors = await self.desk.spine.find(t.connector_state, self._key, limit=MOST_CONNECTORS)
        told = {_integer(row["evse_id"]) for row in connectors}
        evses = frozenset(told | {place.evse_id for place in self.station.places}) - {0}
        wanted = self.params.session
        session = next((one for one in running if one.session_id == wanted), None)
        if wanted is not None and session is None:
            says = f"no session {wanted[:50]} runs at {self.params.station}"
            raise Refused(Kind.MISSING, says, "see `elstrada session list`", "/session")
        return Target(evse_id=self.params.evse, session=session, running=running, evses=evses)

    async def supply(self, target: Target) -> Supply | None:
        """How the EVSEs concerned are fed: as the operator says, or as their location does, if all alike."""
        if self.params.voltage is not None and self.params.phases is not None:
            return Supply(voltage=self.params.voltage, phases=self.params.phases)
        place = target.session.evse_id if target.session else target.evse_id
        plugs = await connectors_of(self.desk.spine, self.station, place)
        return supply_of(plugs, self.params.voltage, self.params.phases)

    async def version_of_stream(self) -> int:
        """Up to where the station's facts are older than what is done next."""
        return await self.desk.spine.version(self._stream)

    async def samples(self, since: int, sessions: set[str]) -> list[MeterSample]:
        """What the meter said of sessions since then."""
        recorded = await self.desk.spine.facts(self._stream, after_version=since, limit=1_000)
        told = (one.fact for one in recorded if isinstance(one.fact, MeterSampled))
        return [sample for fact in told if fact.session_id in sessions for sample in fact.samples]

    async def note(self, sample: str) -> None:
        """Count a limit that does not hold among what strays, for the operator to see (rule 30)."""
        findings = Findings(self.desk.spine, self.desk.clock)
        await findings.load()
        findings.note(f"station:{self.owner}/{self.params.station}", NOT_APPLIED, sample)
        await findings.flush()


def _running(row: Row) -> Running:
    return Running(
        session_id=str(row["session_id"]),
        transaction_id=str(row["transaction_id"]),
        evse_id=_integer(row["evse_id"]),
    )


def _integer(cell: Cell) -> int:
    assert isinstance(cell, int), "a column of numbers"
    return cell

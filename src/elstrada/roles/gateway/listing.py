"""Brings one station's local authorization list in step: what it can hold, what it has, what it lacks.

Source: OCPP 1.6 §5.13, §5.15; OCPP 2.0.1 part 2, D01, D02; rule 34.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from elstrada.charging.locallist import changes, contents, listed, next_version
from elstrada.model.allowance import Allowance
from elstrada.model.answers import CommandDone
from elstrada.model.asks import Command
from elstrada.model.device import CommandName, CommandResult, StationOrder
from elstrada.model.invoice import Contract
from elstrada.model.locallist import Capacity, ListEntry, ListRule, ListState, ListUpdate
from elstrada.model.mirror import ItemKind, Variable
from elstrada.model.token import Token
from elstrada.net.face import Chance, Clock
from elstrada.ocpp.locallist import FRAME_BYTES, MOST_BYTES, MOST_ITEMS
from elstrada.ocpp.table import Unsendable
from elstrada.ocpp.versions import VERSIONS
from elstrada.roles.gateway.partners import Partners
from elstrada.roles.keys import Keys
from elstrada.spine import tables as t
from elstrada.spine.face import AnyOf, Cell, Put, Row, Spine, Work
from elstrada.spine.paging import pages
from elstrada.spine.post import Letter

if TYPE_CHECKING:
    from elstrada.roles.gateway.link import Link

MOST_TOKENS = 1_000_000
ITEMS_UNTOLD = 20
"""In a message to a station that does not say how many it takes."""
_PAGE = 1_000
_FULL = "FULL"
_allowance = msgspec.json.Decoder(Allowance).decode
_hashes = msgspec.json.Decoder(dict[str, str]).decode


class Stopped(Exception):
    """It goes no further; the message says why."""

    def __init__(self, state: ListState, detail: str, *, answered: bool = True) -> None:
        super().__init__(detail)
        self.state, self.detail, self.answered = state, detail, answered


class Listing:
    """One look at one station's list."""

    def __init__(
        self,
        spine: Spine,
        keys: Keys,
        clock: Clock,
        chance: Chance,
        link: Link,
        give: Callable[[Command], Awaitable[Letter]],
    ) -> None:
        self._spine, self._keys, self._clock, self._chance, self._give = spine, keys, clock, chance, give
        self._owner, self._station_id = link.seat.owner, link.seat.station_id
        self._version = VERSIONS[link.protocol]
        self._key: dict[str, Cell] = {"owner": str(self._owner), "station_id": self._station_id}
        self.answered = True
        """Did the station say itself how it stands? Otherwise its line or its time was at fault."""

    async def bring_in_step(self, rule: ListRule | None, *, told: bool) -> Row | None:
        """See what the station has, and send what it lacks.

        Args:
            rule: None: it shall hold nothing.
            told: what the station has was learnt on this connection: it is told only what is news.
        Returns:
            The record of the list as it is now; None if the station has not booted yet, and must be left alone.
        Raises:
            SpineDown, StreamMoved, NobodyThere: nothing is known of how it went; look again.
        """
        state = await self._spine.get(t.station_state, **self._key)
        if state is None or state["booted_at"] is None:
            return None
        before = await self._spine.get(t.local_list, **self._key) or self._no_list()
        after: dict[str, Cell] = {**before, "looked_at": self._clock.now(), "asked": None}
        try:
            await self._sync(rule, before, after, told=told and before["asked"] is None)
            after |= {"state": ListState.IN_STEP.value, "detail": ""}
        except Stopped as stopped:
            self.answered = stopped.answered
            after |= {"state": stopped.state.value, "detail": stopped.detail}
        await self._spine.commit(Work(writes=(Put(t.local_list, after),)))
        return after

    def _no_list(self) -> dict[str, Cell]:
        return no_list(str(self._owner), self._station_id)

    async def _sync(self, rule: ListRule | None, before: Row, after: dict[str, Cell], *, told: bool) -> None:
        entries = await self._wanted(rule)
        if told and _is_in_step(before, entries):
            return
        capacity = await self._capacity(ask=not told)
        if capacity.enabled is False:
            raise Stopped(ListState.DISABLED, f"the station's {self._switch} is false")
        theirs = after["their_version"] = await self._their_version()
        fits = entries if capacity.entries is None else entries[: capacity.entries]
        after["left_out"] = len(entries) - len(fits)
        ours = before["version"] if isinstance(before["version"], int) else None
        known = ours is not None and ours == theirs and before["protocol"] == self._version.protocol
        news = None
        if known and before["asked"] != _FULL:
            news = await self._news(_hashes(str(before["entries"])), fits)
        if news == ():
            return
        version = await self._send_either(news, fits, capacity, ours, theirs, after)
        theirs = after["their_version"] = await self._their_version()
        if theirs != version:
            after["version"] = None
            raise Stopped(ListState.FAILED, f"the station took version {version} and tells of {theirs}")

    async def _send_either(
        self,
        news: Sequence[ListEntry] | None,
        entries: Sequence[ListEntry],
        capacity: Capacity,
        ours: int | None,
        theirs: int,
        after: dict[str, Cell],
    ) -> int:
        """Send the changes, and the whole list if that cannot be, or is refused.

        Returns:
            The version that the station must have now.
        """
        after["version"] = None  # Until it is known that all of it arrived.
        version = None
        if news is not None:
            version = await self._send(news, False, capacity, ours, theirs)
        if version is None:
            version = await self._send(entries, True, capacity, ours, theirs)
        if version is None:
            raise Stopped(ListState.FAILED, "the station refused the whole list")
        kept = contents(entries)
        after |= {
            "version": version,
            "protocol": self._version.protocol.value,
            "entries": msgspec.json.encode(kept).decode(),
            "count": len(kept),
            "synced_at": self._clock.now(),
        }
        return version

    async def _send(
        self, entries: Sequence[ListEntry], full: bool, capacity: Capacity, ours: int | None, theirs: int
    ) -> int | None:
        """Send entries in as many messages as it takes; the first replaces the list if it is to be whole.

        Returns:
            The version after the last; None if one was refused, so that the list is sent whole.
        """
        parts = list(self._parts(entries, capacity)) or [()]
        first = next_version(ours, theirs, len(parts))
        if first is None and not full:
            return None
        for number, part in enumerate(parts):
            update = ListUpdate(version=(first or 1) + number, full=full and number == 0, entries=tuple(part))
            done = await self._done(self._command(CommandName.SEND_LOCAL_LIST, update=update))
            if done.result in (CommandResult.REJECTED, CommandResult.FAILED) and not full:
                return None
            if done.result is not CommandResult.ACCEPTED:
                raise _stopped(done, f"message {number + 1} of {len(parts)}")
        return (first or 1) + len(parts) - 1

    # --- messages ---------------------------------------------------------------------------------------

    def _parts(self, entries: Sequence[ListEntry], capacity: Capacity) -> Iterator[Sequence[ListEntry]]:
        """Entries as messages that the station takes: by number, then by bytes.

        Raises:
            Stopped: a single entry is larger than that.
        """
        size = min(capacity.items_per_message or ITEMS_UNTOLD, MOST_ITEMS)
        most = min(capacity.bytes_per_message or MOST_BYTES, MOST_BYTES) - FRAME_BYTES
        waiting = [entries[first : first + size] for first in range(0, len(entries), size)][::-1]
        while waiting:
            part = waiting.pop()
            if self._bytes(part) <= most:
                yield part
            elif len(part) == 1:
                raise Stopped(ListState.FAILED, f"a single token does not fit into {most} bytes")
            else:
                half = len(part) // 2
                waiting += [part[half:], part[:half]]

    def _bytes(self, part: Sequence[ListEntry]) -> int:
        """How long the fields of a message are, whatever its version."""
        update = ListUpdate(version=2**31 - 1, full=False, entries=tuple(part))
        written = self._version.write_order(StationOrder(name=CommandName.SEND_LOCAL_LIST, local_list=update))
        if isinstance(written, Unsendable):
            raise Stopped(ListState.FAILED, written.detail)
        return len(written.payload)

    async def _call(self, action: str, payload: str = "{}") -> CommandDone:
        return await self._done(self._command(CommandName.CALL, action=action, payload=payload))

    def _command(
        self,
        name: CommandName,
        *,
        action: str | None = None,
        payload: str | None = None,
        update: ListUpdate | None = None,
    ) -> Command:
        return Command(
            command_id=self._chance.uuid(),
            name=name,
            asked_by=self._owner,
            action=action,
            payload=payload,
            local_list=update,
        )

    async def _done(self, command: Command) -> CommandDone:
        done = await self._give(command)
        assert isinstance(done, CommandDone), "a command is answered by how it ended"
        return done

    # --- what the station has ----------------------------------------------------------------------------

    @property
    def _switch(self) -> str:
        lists = self._version.lists
        return next(key for key in lists.keys if key.endswith("Enabled"))

    async def _their_version(self) -> int:
        done = await self._call("GetLocalListVersion")
        version = None if done.response is None else self._version.lists.version(done.response)
        if version is None:
            raise _stopped(done, "GetLocalListVersion")
        if version < 0:  # 1.6 §5.13
            raise Stopped(ListState.NOT_SUPPORTED, "the station has no local lists")
        return version

    async def _capacity(self, *, ask: bool) -> Capacity:
        """What the station can hold, as its mirror says.

        Args:
            ask: have the station tell it first, whose answer goes into the mirror; it may have changed meanwhile.
        """
        if ask:
            await self._call(*self._version.lists.question)
        keys = AnyOf(self._version.lists.keys)
        where = {**self._key, "kind": ItemKind.VARIABLE.value, "key": keys}
        rows = await self._spine.find(t.station_item, where)
        variables = {
            str(row["key"]): msgspec.json.decode(str(row["document"]), type=Variable) for row in rows
        }
        return self._version.lists.capacity(variables)

    # --- what it shall have ------------------------------------------------------------------------------

    async def _wanted(self, rule: ListRule | None) -> tuple[ListEntry, ...]:
        if rule is None:
            return ()
        bounded = await bounded_tokens(self._spine, str(self._owner))
        tokens = [pair async for page in self._tokens() for pair in page if pair[0] not in bounded]
        partners = Partners(self._spine, self._clock)
        tokens = await partners.listable(self._owner, self._station_id, tokens)
        contracts = await self._contracts({(str(one.party), one.contract_id) for _, one in tokens})
        now: datetime = self._clock.now()
        entries = listed(
            tokens,
            rule,
            typed=self._version.lists.typed,
            now=now,
            group_ref=self._keys.token_ref,
            contract=lambda token: contracts.get((str(token.party), token.contract_id)),
        )
        return tuple(entry for entry in entries if self._can_name(entry))

    def _can_name(self, entry: ListEntry) -> bool:
        update = ListUpdate(version=1, full=True, entries=(entry,))
        order = StationOrder(name=CommandName.SEND_LOCAL_LIST, local_list=update)
        return not isinstance(self._version.write_order(order), Unsendable)

    async def _tokens(self) -> AsyncIterator[list[tuple[str, Token]]]:
        left = MOST_TOKENS
        async for rows in pages(self._spine, t.token, {"owner": str(self._owner)}):
            yield [(str(row["ref"]), _token(row)) for row in rows]
            left -= len(rows)
            if left <= 0:
                return

    async def _contracts(self, wanted: set[tuple[str, str]]) -> dict[tuple[str, str], Contract]:
        """Those of parties of this installation; of others' contracts nothing is known here."""
        found = dict[tuple[str, str], Contract]()
        for owner in sorted({owner for owner, _ in wanted}):
            ids = sorted(contract for of, contract in wanted if of == owner)
            for first in range(0, len(ids), _PAGE):
                where = {"owner": owner, "contract_id": AnyOf(tuple(ids[first : first + _PAGE]))}
                for row in await self._spine.find(t.contract, where, limit=_PAGE):
                    contract = msgspec.json.decode(str(row["document"]), type=Contract)
                    found[owner, contract.id] = contract
        return found

    async def _news(self, has: dict[str, str], wanted: Sequence[ListEntry]) -> tuple[ListEntry, ...] | None:
        gone = has.keys() - {entry.key for entry in wanted}
        uid_of = dict[str, tuple[str, str]]()
        if len(gone) > _PAGE:
            return None
        refs = AnyOf(tuple({key.split("/")[0] for key in gone}))
        for row in await self._spine.find(
            t.token, {"owner": str(self._owner), "ref": refs}, limit=10 * _PAGE
        ):
            ref, token = str(row["ref"]), _token(row)
            uid_of[f"{ref}/{token.type}" if self._version.lists.typed else ref] = (token.uid, token.type)
        return changes(has, wanted, {key: uid_of[key] for key in gone if key in uid_of})


async def bounded_tokens(spine: Spine, owner: str) -> frozenset[str]:
    """Pseudonyms of tokens that may take so much alone: a station that judged them by itself would know no end (C17)."""
    found = set[str]()
    async for rows in pages(spine, t.allowance, {"owner": owner}):
        found |= {str(row["ref"]) for row in rows if _allowance(str(row["document"])).bounds}
    return frozenset(found)


def _is_in_step(row: Row, entries: Sequence[ListEntry]) -> bool:
    """Has the station taken just what it shall hold, as far as there is room?"""
    count, left_out = row["count"], row["left_out"]
    assert isinstance(count, int)
    assert isinstance(left_out, int)
    if row["state"] != ListState.IN_STEP.value or len(entries) != count + left_out:
        return False
    return contents(entries[:count]) == _hashes(str(row["entries"]))


def no_list(owner: str, station_id: str) -> dict[str, Cell]:
    """The record of a list that nobody has seen to yet."""
    row: dict[str, Cell] = {column.name: None for column in t.local_list.columns}
    return row | {
        "owner": owner,
        "station_id": station_id,
        "state": ListState.WAITING.value,
        "detail": "",
        "entries": "{}",
        "count": 0,
        "left_out": 0,
    }


def _token(row: Row) -> Token:
    return msgspec.json.decode(str(row["document"]), type=Token)


def _stopped(done: CommandDone, what: str) -> Stopped:
    unsupported = done.result is CommandResult.NOT_SUPPORTED
    detail = f"{what}: {done.result.value}" + (f" ({done.detail})" if done.detail else "")
    answered = done.result not in (CommandResult.TIMEOUT, CommandResult.OFFLINE)
    state = ListState.NOT_SUPPORTED if unsupported else ListState.FAILED
    return Stopped(state, detail, answered=answered)

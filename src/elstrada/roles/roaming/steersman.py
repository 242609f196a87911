"""The steersman: our eMSP has a say in how its drivers' sessions charge at partners' stations, and hears what became of it.

Each request is sent once, and its result comes to an address made for it alone, which says of what kind it is: two
of the three kinds look alike.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial

import msgspec

from elstrada.model.answers import Noted
from elstrada.model.asks import EndCommand
from elstrada.model.ids import PartyId
from elstrada.model.party import Peer
from elstrada.model.preferences import ChargingPreferences, PreferencesAnswer
from elstrada.model.profile import Schedule
from elstrada.ocpi.body import Mismatch
from elstrada.ocpi.client import Received, describe, object_of
from elstrada.ocpi.endpoints import join
from elstrada.ocpi.v221 import profiles as wire
from elstrada.ocpi.v221 import translate
from elstrada.ocpi.v221.profiles import ProfileResponseType, ProfileResultType
from elstrada.ocpi.versions import endpoint, language, module_url
from elstrada.roles.roaming.any_case import row_of
from elstrada.roles.roaming.line import Line
from elstrada.roles.roaming.means import Means
from elstrada.roles.roaming.results import ResultKind
from elstrada.spine import tables as t
from elstrada.spine.face import Between, Delete, Put, Row, RowMoved, Where, Work
from elstrada.spine.post import Letter, NobodyThere, NoReply, Post

ASKED, CLEARED, NO_ANSWER = "ASKED", "CLEARED", "NO_ANSWER"
"""States of a wish of ours, beside OCPI's own words."""
_LONGEST_S = 120.0
_MOST_AWAITED = 10_000
_POST_S = 5.0
_MOST_LETTER = 48 * 1024
"""Of an active profile in JSON, so that it can travel to the node that waits for it."""
_KEPT_FOR = timedelta(days=90)
_MOST_FORGOTTEN = 100
_TRIES = 5


class Steered(msgspec.Struct, frozen=True):
    """What became of a request."""

    state: str
    """ProfileResultType; ProfileResponseType, if the CPO did not take it; NO_ANSWER, if nobody said in time."""
    detail: str = ""
    active: Schedule | None = None
    """GET: what the station allows."""

    @property
    def done(self) -> bool:
        return self.state == ProfileResultType.ACCEPTED


class Preferred(msgspec.Struct, frozen=True):
    """What a CPO says to a driver's wishes."""

    answer: PreferencesAnswer | None
    """None: it said none of the standard's words, and ``detail`` why."""
    detail: str = ""


class AtPartner(msgspec.Struct, frozen=True):
    """A session of one of our drivers at a partner's station."""

    peer: Peer
    cpo: PartyId
    session_id: str


class Steersman:
    """Says to CPO peers how our drivers' sessions shall charge."""

    def __init__(self, means: Means, line: Line, post: Post) -> None:
        self._means, self._line, self._post = means, line, post
        self._under_way = 0

    # --- what we ask ----------------------------------------------------------------------------------

    async def prefer(self, at: AtPartner, wanted: ChargingPreferences) -> Preferred:
        """Tell what a driver wants of his session."""
        if not language(at.peer.version).steers:
            return Preferred(None, _no_words(at.peer))
        path, body = {"session_id": at.session_id}, translate.preferences_to_wire(wanted)
        outcome = await self._line.tell(at.peer, "put_preferences", to=at.cpo, path=path, body=body)
        if not isinstance(outcome, Received):
            return Preferred(None, describe(outcome))
        if outcome.data not in frozenset(PreferencesAnswer):
            return Preferred(
                None, f"expected one of {', '.join(PreferencesAnswer)}, got {outcome.data!r:.60}"
            )
        return Preferred(PreferencesAnswer(str(outcome.data)))

    async def set(self, at: AtPartner, wanted: Schedule) -> Steered:
        """Have a session limited over time."""
        document = msgspec.json.encode(wanted).decode()
        await self._note(at, state=ASKED, wanted=document)
        profile = translate.schedule_to_wire(wanted)
        ended = await self._ask(at, ResultKind.SET, "set_profile", profile=profile)
        await self._note(at, state=ended.state, wanted=document)
        return ended

    async def clear(self, at: AtPartner) -> Steered:
        """Have our limits taken back."""
        ended = await self._ask(at, ResultKind.CLEAR, "clear_profile")
        if ended.state in (ProfileResultType.ACCEPTED, ProfileResultType.UNKNOWN):
            await self._note(at, state=CLEARED, wanted=None)
        return ended

    async def get(self, at: AtPartner, duration_s: int) -> Steered:
        """Ask what a session's station will allow it."""
        ended = await self._ask(at, ResultKind.ACTIVE, "get_profile", duration_s=duration_s)
        if ended.active is not None:
            await self._keep_active(at, ended.active)
        return ended

    async def _ask(
        self,
        at: AtPartner,
        kind: ResultKind,
        name: str,
        profile: wire.ChargingProfile | None = None,
        duration_s: int | None = None,
    ) -> Steered:
        if not language(at.peer.version).steers:
            return Steered(ProfileResponseType.NOT_SUPPORTED, _no_words(at.peer))
        if self._under_way >= _MOST_AWAITED:
            return Steered(ProfileResponseType.REJECTED, "too many requests are under way")
        request_id = self._means.chance.uuid()
        url = self._url(at.peer, kind, request_id)
        query = {} if profile is not None else {"response_url": url}
        query |= {} if duration_s is None else {"duration": str(duration_s)}
        body = (
            None if profile is None else wire.SetChargingProfile(charging_profile=profile, response_url=url)
        )
        result: asyncio.Future[Steered] = asyncio.get_running_loop().create_future()
        release = self._post.serve(_address(at.peer, kind, request_id), partial(_hear, result))
        self._under_way += 1
        try:
            return await self._sent(at, name, query, body, result)
        finally:
            self._under_way -= 1
            release()

    async def _sent(
        self,
        at: AtPartner,
        name: str,
        query: Mapping[str, str],
        body: msgspec.Struct | None,
        result: asyncio.Future[Steered],
    ) -> Steered:
        """Send a request, and wait for both of its answers."""
        path = {"session_id": at.session_id}
        outcome = await self._line.tell(at.peer, name, to=at.cpo, path=path, query=query, body=body)
        if not isinstance(outcome, Received):
            return Steered(ProfileResponseType.REJECTED, describe(outcome))
        try:
            response = object_of(outcome, wire.ChargingProfileResponse)
        except Mismatch as problem:
            return Steered(ProfileResponseType.REJECTED, str(problem))
        if response.result != ProfileResponseType.ACCEPTED:
            known = response.result in frozenset(ProfileResponseType)
            return Steered(response.result if known else ProfileResponseType.REJECTED)
        try:
            async with asyncio.timeout(min(max(float(response.timeout), 1.0), _LONGEST_S)):
                return await result
        except TimeoutError:
            return Steered(NO_ANSWER, "the peer told no result in time")

    def _url(self, peer: Peer, kind: ResultKind, request_id: str) -> str:
        assert peer.version is not None, "a registered peer has a version"
        results = endpoint(peer.version, kind.endpoint)
        base = module_url(results, peer.version, self._means.public_url)
        return join(base, kind.value.lower(), request_id)

    # --- what we hear ---------------------------------------------------------------------------------

    async def heard(
        self, peer: Peer, kind: ResultKind, request_id: str, result: str, profile: Schedule | None
    ) -> bool:
        """A peer tells how a request ended, at any node. Only the peer that was asked may, once, of its kind.

        Raises:
            Mismatch: a profile that is too long to be told.
        """
        document = "" if profile is None else msgspec.json.encode(profile).decode()
        if len(document) > _MOST_LETTER:
            raise Mismatch(f"expected at most {_MOST_LETTER} bytes, got {len(document)} - at `$.profile`")
        told = EndCommand(result[:40], "", document)
        try:
            await self._post.ask(_address(peer, kind, request_id), told, timeout_s=_POST_S)
        except (NobodyThere, NoReply):
            return False
        return True

    async def told(self, peer: Peer, cpos: Iterable[PartyId], session_id: str, active: Schedule) -> bool:
        """A CPO tells what is active at a session. False: none of its sessions is known by that name."""
        for cpo in sorted(cpos):
            row = await row_of(self._means.spine, t.roamed_session, peer.owner, cpo, session_id)
            if row is not None:
                await self._keep_active(AtPartner(peer, cpo, str(row["session_id"])), active)
                return True
        return False

    # --- what is known of it ----------------------------------------------------------------------------

    async def _keep_active(self, at: AtPartner, active: Schedule) -> None:
        """Keep what is active, unless we know what was reckoned later (R-34)."""
        assert active.start is not None, "an active profile says when it was reckoned"
        document = msgspec.json.encode(active).decode()
        for _ in range(_TRIES):
            row = await self._row(at)
            known_at = None if row is None else row["active_at"]
            if isinstance(known_at, datetime) and active.start < known_at:
                return
            if await self._put(at, row, {"active": document, "active_at": active.start}):
                return

    async def _note(self, at: AtPartner, *, state: str, wanted: str | None) -> None:
        for _ in range(_TRIES):
            if await self._put(at, await self._row(at), {"state": state, "wanted": wanted}):
                return

    async def _row(self, at: AtPartner) -> Row | None:
        key = {"owner": str(at.peer.owner), "party": str(at.cpo), "session_id": at.session_id}
        return await self._means.spine.get(t.roamed_profile, **key)

    async def _put(self, at: AtPartner, row: Row | None, said: Row) -> bool:
        """Write down what became known, unless somebody did since ``row`` was read."""
        owner, now = str(at.peer.owner), self._means.clock.now()
        fresh: Row = {
            "owner": owner,
            "party": str(at.cpo),
            "session_id": at.session_id,
            "state": "",
            "wanted": None,
            "active": None,
            "active_at": None,
        }
        named: Row = {"peer_id": at.peer.id, "changed_at": now}
        # What decides whether it may be written: all but the key.
        before: Row = {} if row is None else {name: row[name] for name in row if name not in _KEY}
        writes = (
            Put(t.roamed_profile, {**(row or fresh), **named, **said}, before),
            *(await self._forgotten(owner) if row is None else ()),
        )
        try:
            await self._means.spine.commit(Work(writes=writes))
        except RowMoved:
            return False
        return True

    async def _forgotten(self, owner: str) -> list[Delete]:
        """Those of which nothing was heard for so long that their sessions are over."""
        old = Between(high=self._means.clock.now() - _KEPT_FOR)
        where: Where = {"owner": owner, "changed_at": old}
        rows = await self._means.spine.find(
            t.roamed_profile, where, order=("changed_at",), limit=_MOST_FORGOTTEN
        )
        return [Delete(t.roamed_profile, {name: row[name] for name in _KEY}) for row in rows]


_KEY = ("owner", "party", "session_id")


def _address(peer: Peer, kind: ResultKind, request_id: str) -> str:
    """Where a result is awaited. It names peer and kind: no other one's word, or of another kind, arrives there."""
    return f"profile/{peer.owner}/{peer.id}/{kind.value}/{request_id}"


async def _hear(result: asyncio.Future[Steered], letter: Letter) -> Letter:
    if not isinstance(letter, EndCommand):
        raise TypeError(f"a request is told how it ended, not {type(letter).__name__}")
    if result.done():
        raise NobodyThere("the request has ended already")
    known = letter.result in frozenset(ProfileResultType)
    state = letter.result if known else ProfileResultType.REJECTED.value
    active = msgspec.json.decode(letter.document, type=Schedule) if letter.document else None
    result.set_result(Steered(state, "" if known else letter.result, active))
    return Noted()


def _no_words(peer: Peer) -> str:
    return f"OCPI {peer.version} has no words for it"

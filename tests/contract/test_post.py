"""What every post does, within a process and between nodes: an answer, or a clear no."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from elstrada.model import answers, asks
from elstrada.model.answers import CommandDone, Noted
from elstrada.model.asks import Beat, Command, PresentedToken, Tick
from elstrada.model.device import CommandName, CommandResult
from elstrada.model.ids import PartyId, station_address
from elstrada.model.token import Allowed, AuthMethod, Token, Verdict, Whitelist
from elstrada.spine.nats_post import NatsPost
from elstrada.spine.post import Handler, Letter, LocalPost, NobodyThere, NoReply, Post, Release
from nats_server import NatsServer, nats_post, nats_server

_DONE = CommandDone(CommandResult.ACCEPTED)
_NOW = datetime(2026, 3, 1, tzinfo=UTC)
CPO = PartyId("SE", "ELS")


@pytest.fixture(scope="module")
def nats() -> Iterator[NatsServer]:
    with tempfile.TemporaryDirectory() as folder, nats_server(Path(folder)) as server:
        asyncio.run(server.start())
        yield server


class Scene:
    """Who asks, and who serves: the same post, or another node's."""

    def __init__(self, asker: Post, server: Post) -> None:
        self._asker, self._server = asker, server
        self.ask = asker.ask

    async def serve(self, address: str, handler: Handler) -> Release:
        release = self._server.serve(address, handler)
        await self.known()
        return release

    async def known(self) -> None:
        """Wait until other nodes have heard what is served."""
        if isinstance(self._server, NatsPost):
            await self._server.announced()


@asynccontextmanager
async def scene(kind: str, url: str) -> AsyncIterator[Scene]:
    async with AsyncExitStack() as stack:
        if kind == "within a process":
            post = LocalPost()
            yield Scene(post, post)
            return
        served = await stack.enter_async_context(nats_post(url, "n1"))
        await served.announced()
        if kind == "within a node":
            yield Scene(served, served)
        else:
            yield Scene(await stack.enter_async_context(nats_post(url, "n2")), served)


@pytest.fixture(params=["within a process", "within a node", "between nodes"])
def played(request: pytest.FixtureRequest, nats: NatsServer) -> Played:
    def run(play: Play) -> None:
        async def whole() -> None:
            async with scene(request.param, nats.url) as stage:
                await play(stage)

        asyncio.run(whole())

    return run


Play = Callable[[Scene], Coroutine[object, object, None]]
Played = Callable[[Play], None]


async def _accept(_: Letter) -> Letter:
    return _DONE


async def _note(_: Letter) -> Letter:
    return Noted()


async def _never(_: Letter) -> Letter:
    await asyncio.Event().wait()
    return Noted()


def test_who_serves_an_address_answers_until_released(played: Played) -> None:
    async def play(post: Scene) -> None:
        with pytest.raises(NobodyThere, match="roamer"):
            await post.ask("roamer", Tick(), timeout_s=2)
        release = await post.serve("roamer", _accept)
        assert await post.ask("roamer", Tick(), timeout_s=2) == _DONE
        release()
        await post.known()
        with pytest.raises(NobodyThere):
            await post.ask("roamer", Tick(), timeout_s=2)

    played(play)


def test_a_socket_is_served_at_its_node_until_released(played: Played) -> None:
    """T2: whoever lost a station is not asked in its name."""

    async def play(post: Scene) -> None:
        old, new = (station_address("n1", CPO, "CP1", connection) for connection in ("c1", "c2"))
        release = await post.serve(old, _accept)
        assert await post.ask(old, Tick(), timeout_s=2) == _DONE
        with pytest.raises(NobodyThere, match="c2"):
            await post.ask(new, Tick(), timeout_s=2)
        release()
        with pytest.raises(NobodyThere, match="c1"):
            await post.ask(old, Tick(), timeout_s=2)
        with pytest.raises(NobodyThere, match="@gone"):
            await post.ask(station_address("gone", CPO, "CP1", "c1"), Tick(), timeout_s=2)

    played(play)


def test_the_newcomer_serves_and_the_old_one_cannot_release_it(played: Played) -> None:
    async def play(post: Scene) -> None:
        old = await post.serve("roamer", _accept)
        await post.serve("roamer", _note)
        old()
        await post.known()
        assert await post.ask("roamer", Beat(), timeout_s=2) == Noted()

    played(play)


def test_silence_and_failure_are_no_reply(played: Played) -> None:
    async def fail(_: Letter) -> Letter:
        raise KeyError("inside")

    async def play(post: Scene) -> None:
        await post.serve("silent", _never)
        await post.serve("failing", fail)
        with pytest.raises(NoReply, match=r"silent gave no answer to Tick in 0\.05 s"):
            await post.ask("silent", Tick(), timeout_s=0.05)
        with pytest.raises(NoReply, match="failing failed on Tick: KeyError"):
            await post.ask("failing", Tick(), timeout_s=2)

    played(play)


def test_an_ask_for_somebody_else_was_not_handled(played: Played) -> None:
    async def refuse(_: Letter) -> Letter:
        raise NobodyThere("the station is served elsewhere")

    async def play(post: Scene) -> None:
        await post.serve("moved", refuse)
        with pytest.raises(NobodyThere, match="served elsewhere"):
            await post.ask("moved", Tick(), timeout_s=2)

    played(play)


def test_what_was_asked_goes_on_when_nobody_waits_any_longer(played: Played) -> None:
    async def play(post: Scene) -> None:
        begun, done = asyncio.Event(), asyncio.Event()

        async def slow(_: Letter) -> Letter:
            begun.set()
            await asyncio.sleep(0.3)
            done.set()
            return _DONE

        await post.serve("slow", slow)
        with pytest.raises(NoReply):
            await post.ask("slow", Tick(), timeout_s=0.1)
        assert begun.is_set()
        assert not done.is_set()
        async with asyncio.timeout(2):
            await done.wait()

    played(play)


def test_an_address_that_hangs_takes_no_more_and_holds_up_no_other(played: Played) -> None:
    """P7."""

    async def play(post: Scene) -> None:
        await post.serve("hanging", _never)
        await post.serve("well", _accept)
        waiting = [asyncio.create_task(post.ask("hanging", Tick(), timeout_s=5)) for _ in range(100)]
        await asyncio.sleep(0)
        with pytest.raises(NoReply, match="100 asks"):
            await post.ask("hanging", Tick(), timeout_s=5)
        assert await post.ask("well", Tick(), timeout_s=2) == _DONE
        for task in waiting:
            task.cancel()

    played(play)


@pytest.mark.parametrize(
    "station_id",
    ["CP 1", "a.b", "*", ">", "a>", "=2A", "ä/ö", "x\u00a0y", "$SYS", "🔌" * 48, "CP1/c1", "%2F", "\\"],
)
def test_any_identity_of_a_station_is_an_address_and_no_pattern(played: Played, station_id: str) -> None:
    async def play(post: Scene) -> None:
        for place in (station_address("n1", CPO, station_id, "c1"), f"station/SE*ELS/{station_id}"):
            await post.serve(place, _accept)
            assert await post.ask(place, Tick(), timeout_s=2) == _DONE
            with pytest.raises(NobodyThere):
                await post.ask(place.replace(station_id, "CP1"), Tick(), timeout_s=2)

    played(play)


def _letters() -> list[Letter]:
    token = Token(
        party=CPO,
        uid="04A1",
        contract_id="SEELSC1",
        issuer="ä",
        valid=True,
        whitelist=Whitelist.ALLOWED,
        last_updated=_NOW,
    )
    command = Command(
        command_id="k1",
        name=CommandName.START,
        asked_by=CPO,
        evse_id=1,
        token=PresentedToken("04A1", ref="r", known=token),
    )
    verdict = Verdict(allowed=Allowed.ALLOWED, method=AuthMethod.WHITELIST)
    return [
        command,
        asks.AreYouThere(),
        answers.Presence(True),
        answers.Registered(_NOW, 300),
        answers.SessionNoted("7", verdict),
        asks.EndSession(transaction_id="7", at=_NOW, meter_wh=2**40),
    ]


@pytest.mark.parametrize("letter", _letters(), ids=lambda letter: type(letter).__name__)
def test_a_letter_arrives_as_it_was_written(played: Played, letter: Letter) -> None:
    heard: list[Letter] = []

    async def echo(ask: Letter) -> Letter:
        heard.append(ask)
        return ask

    async def play(post: Scene) -> None:
        await post.serve("echo", echo)
        assert await post.ask("echo", letter, timeout_s=2) == letter
        assert heard == [letter]

    played(play)

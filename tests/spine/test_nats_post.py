"""Post over NATS when NATS or the other node fails: a clear no within the deadline, and back by itself."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from elstrada.model.answers import CommandDone, Noted
from elstrada.model.asks import Boot, Tick
from elstrada.model.device import CommandResult
from elstrada.spine.letters import Failed, read_reply, subject_of
from elstrada.spine.nats_post import NatsPost
from elstrada.spine.post import Letter, NobodyThere, NoReply
from nats_server import nats_line, nats_post, nats_server

_DONE = CommandDone(CommandResult.ACCEPTED)


async def _accept(_: Letter) -> Letter:
    return _DONE


async def _known(*posts: NatsPost) -> None:
    async with asyncio.timeout(8):
        for post in posts:
            await post.announced()


async def test_an_ask_without_nats_fails_by_its_deadline_and_says_why_f8(tmp_path: Path) -> None:
    with nats_server(tmp_path) as server:
        async with nats_post(server.url, "n1") as post:
            begun = time.monotonic()
            with pytest.raises(
                NoReply, match=r"other gave no answer to Tick in 0\.5 s: not connected to NATS"
            ):
                await post.ask("other", Tick(), timeout_s=0.5)
            assert 0.4 < time.monotonic() - begun < 1
            post.serve("here", _accept)
            assert await post.ask("here", Tick(), timeout_s=1) == _DONE, "what is served here needs no NATS"
            with pytest.raises(NobodyThere):
                await post.ask("@n1/station/gone", Tick(), timeout_s=60)


async def test_an_ask_waits_for_nats_to_come_within_its_deadline_f8(tmp_path: Path) -> None:
    with nats_server(tmp_path) as server:
        async with nats_post(server.url, "n1") as served, nats_post(server.url, "n2") as asker:
            served.serve("@n1/x", _accept)
            asking = asyncio.create_task(asker.ask("@n1/x", Tick(), timeout_s=10))
            await asyncio.sleep(0.2)
            await server.start()
            await _known(served)
            try:
                assert await asking == _DONE
            except NobodyThere:  # The asker was connected first.
                assert await asker.ask("@n1/x", Tick(), timeout_s=5) == _DONE


async def test_serving_goes_on_after_each_restart_of_nats_with_its_data_deleted_f8(tmp_path: Path) -> None:
    with nats_server(tmp_path) as server:
        await server.start()
        async with nats_post(server.url, "n1") as served, nats_post(server.url, "n2") as asker:
            served.serve("roamer", _accept)
            served.serve("@n1/CP1", _accept)
            await _known(served, asker)
            for _ in range(3):
                server.kill()
                server.forget()
                later = served.serve("later", _accept)
                await asyncio.sleep(0.2)
                await server.start()
                await _known(served, asker)
                for address in ("roamer", "@n1/CP1", "later"):
                    assert await asker.ask(address, Tick(), timeout_s=5) == _DONE
                later()
                await _known(served)
                with pytest.raises(NobodyThere):
                    await asker.ask("later", Tick(), timeout_s=5)


async def test_what_is_under_way_outlives_a_restart_of_nats_f8(tmp_path: Path) -> None:
    """P5: a command takes long; its answer finds the way back."""
    asked = asyncio.Event()

    async def slowly(_: Letter) -> Letter:
        asked.set()
        await asyncio.sleep(1.5)
        return _DONE

    with nats_server(tmp_path) as server:
        await server.start()
        async with nats_post(server.url, "n1") as served, nats_post(server.url, "n2") as asker:
            served.serve("@n1/CP1", slowly)
            await _known(served, asker)
            asking = asyncio.create_task(asker.ask("@n1/CP1", Tick(), timeout_s=10))
            await asked.wait()
            server.kill()
            await server.start()
            assert await asking == _DONE


async def test_of_a_node_that_left_it_is_told_at_once(tmp_path: Path) -> None:
    with nats_server(tmp_path) as server:
        await server.start()
        async with nats_post(server.url, "n2") as asker:
            async with nats_post(server.url, "n1") as served:
                served.serve("@n1/CP1", _accept)
                await _known(served, asker)
                assert await asker.ask("@n1/CP1", Tick(), timeout_s=5) == _DONE
            begun = time.monotonic()
            with pytest.raises(NobodyThere):
                await asker.ask("@n1/CP1", Tick(), timeout_s=5)
            assert time.monotonic() - begun < 1


async def test_a_node_that_leaves_answers_what_it_was_asked_f22(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def slowly(_: Letter) -> Letter:
        asked.set()
        await asyncio.sleep(0.5)
        return _DONE

    with nats_server(tmp_path) as server:
        await server.start()
        async with nats_post(server.url, "n2") as asker:
            async with nats_post(server.url, "n1") as served:
                served.serve("@n1/CP1", slowly)
                await _known(served, asker)
                asking = asyncio.create_task(asker.ask("@n1/CP1", Tick(), timeout_s=5))
                await asked.wait()
            assert await asking == _DONE


async def test_what_is_no_letter_is_refused_and_harms_nobody_t9(tmp_path: Path) -> None:
    with nats_server(tmp_path) as server:
        await server.start()
        async with nats_post(server.url, "n1") as served, nats_line(server.url) as line:
            served.serve("roamer", _accept)
            await _known(served)
            client = await line.client()
            subject = subject_of("elstrada", "roamer")
            other = b'{"address":"biller","timeout_s":1,"letter":{"type":"Tick"}}'
            for junk in (b"", b"\xff" * 100, b'{"letter":{"type":"Shell"}}', other, b"[" * 70_000):
                reply = read_reply((await client.request(subject, junk, timeout=2)).data)
                assert isinstance(reply, Failed)
                assert "cannot read it" in reply.text
                await client.publish(subject, junk)  # Nobody to reply to.
            assert await served.ask("roamer", Tick(), timeout_s=2) == _DONE
            assert read_reply((await client.request(subject, other.replace(b"biller", b"roamer"))).data)


async def test_a_reply_that_is_none_is_no_reply(tmp_path: Path) -> None:
    with nats_server(tmp_path) as server:
        await server.start()
        async with nats_post(server.url, "n1") as asker, nats_line(server.url) as line:
            client = await line.client()
            subscription = await client.subscribe(subject_of("elstrada", "liar"))
            await client.flush()
            await client.flush()
            asking = asyncio.create_task(asker.ask("liar", Tick(), timeout_s=5))
            message = await subscription.next_msg(timeout=5)
            await message.respond(b'{"type":"Answered","letter":{"type":"Shell"}}')
            with pytest.raises(NoReply, match="liar: Unreadable"):
                await asking


async def test_a_letter_that_is_too_long_is_a_bug_of_the_sender_and_an_answer_a_failure(
    tmp_path: Path,
) -> None:
    long = Boot(vendor="v" * 100_000, model="m")

    async def talk(_: Letter) -> Letter:
        return long

    with nats_server(tmp_path) as server:
        await server.start()
        async with nats_post(server.url, "n1") as served, nats_post(server.url, "n2") as asker:
            served.serve("talker", talk)
            await _known(served, asker)
            with pytest.raises(ValueError, match="at most 65536"):
                await asker.ask("talker", long, timeout_s=2)
            with pytest.raises(NoReply, match="at most 65536"):
                await asker.ask("talker", Tick(), timeout_s=2)


async def test_installations_that_share_a_nats_hear_nothing_of_each_other(tmp_path: Path) -> None:
    with nats_server(tmp_path) as server:
        await server.start()
        async with nats_post(server.url, "n1") as ours, nats_line(server.url) as line:
            theirs = NatsPost(line, "n1", prefix="other")
            await theirs.start()
            theirs.serve("roamer", _accept)
            await _known(ours, theirs)
            with pytest.raises(NobodyThere):
                await ours.ask("roamer", Tick(), timeout_s=2)
            await theirs.close()


async def test_what_is_at_another_node_cannot_be_served_here() -> None:
    async with nats_line("nats://127.0.0.1:1") as line:
        post = NatsPost(line, "n1")
        with pytest.raises(ValueError, match="not at this node"):
            post.serve("@n2/CP1", _accept)


@pytest.mark.parametrize("node_id", ["", "a/b", "n" * 1_000])
async def test_a_nodes_id_must_fit_into_an_address(node_id: str) -> None:
    async with nats_line("nats://127.0.0.1:1") as line:
        with pytest.raises(ValueError, match=r"no id of a node|no address|at most 1000"):
            NatsPost(line, node_id)


async def test_a_thousand_asks_at_once_each_get_their_own_answer(tmp_path: Path) -> None:
    async def echo(ask: Letter) -> Letter:
        await asyncio.sleep(0.01)
        return ask

    with nats_server(tmp_path) as server:
        await server.start()
        async with nats_post(server.url, "n1") as served, nats_post(server.url, "n2") as asker:
            for number in range(20):
                served.serve(f"@n1/CP{number}", echo)
            await _known(served, asker)
            boots = [Boot(vendor=str(number), model="m") for number in range(1_000)]
            answers = await asyncio.gather(
                *(asker.ask(f"@n1/CP{n % 20}", boot, timeout_s=10) for n, boot in enumerate(boots))
            )
            assert answers == boots
            assert Noted() not in answers

"""Who a node is to NATS, by a credentials file: known to a real server, and shown to nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest
from nats_identities import USER, Identity, Installation

from elstrada.net.clock import SystemClock
from elstrada.spine.nats_credentials import read_credentials
from elstrada.spine.nats_line import NatsLine
from nats_server import nats_server, until


@pytest.mark.parametrize("right", [True, False])
async def test_a_server_knows_a_user_by_its_file_and_no_other(tmp_path: Path, right: bool) -> None:
    known = Installation()
    shown = (known if right else Installation()).credentials(tmp_path / "node.creds")
    with nats_server(tmp_path, known.settings, jetstream=False) as server:
        await server.start()
        line = NatsLine([server.url], name="n", clock=SystemClock(), spread=lambda: 0.5, credentials=shown)
        await line.start()
        try:
            if right:
                await until(lambda: line.state.connected)
                server.kill()
                await until(lambda: not line.state.connected)
                await server.start()
                await until(lambda: line.state.connected)
            else:
                await until(lambda: "Authorization Violation" in line.state.last_error)
                assert not line.state.connected
        finally:
            await line.close()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"-----BEGIN NATS USER JWT-----\nabc\n------END NATS USER JWT------\n",
        b"SUAFMHBK2EG2R2N3BFYBKSTTS5JL6NZLGBSHWZE5QUG7PZXWNZHFYVFNXQ",
    ],
)
def test_what_is_no_credentials_file_is_refused_at_once(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "node.creds"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"node\.creds is no credentials file"):
        NatsLine(["nats://h"], name="n", clock=SystemClock(), spread=lambda: 0.5, credentials=path)


def test_a_damaged_seed_is_refused_and_not_shown(tmp_path: Path) -> None:
    seed = Identity(USER).seed
    other = "A" if seed[10] != "A" else "B"
    for damaged in (seed[:10] + other + seed[11:], seed[:-4], seed.lower(), seed + "AAAAAAAA"):
        path = Installation().credentials(tmp_path / "node.creds", damaged)
        with pytest.raises(ValueError, match="is damaged") as refused:
            read_credentials(path)
        assert damaged not in str(refused.value)


def test_credentials_show_nothing_of_themselves_t15(tmp_path: Path) -> None:
    installation = Installation()
    shown = repr(read_credentials(installation.credentials(tmp_path / "node.creds")))
    assert shown == "Credentials(***)"


def test_a_file_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        NatsLine(["nats://h"], name="n", clock=SystemClock(), spread=lambda: 0.5, credentials=tmp_path / "no")

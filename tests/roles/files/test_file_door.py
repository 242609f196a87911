"""The stations' file door over real sockets, on a real store and a real folder (T23)."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import http.client
import os
import socket
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from authority import Authority, trusting
from elstrada.model.transfer import Purpose, TransferState
from elstrada.net.certificates import Certificates, TlsFiles
from elstrada.net.chance import SystemChance
from elstrada.net.clock import SystemClock
from elstrada.net.http import HttpServer, listen, serve_http
from elstrada.roles.files import upload
from elstrada.roles.files.addresses import Files, address, read_path, shown_name
from elstrada.roles.files.door import LIMITS, FileDoor, without_addresses
from elstrada.roles.files.folder import Folder
from elstrada.roles.files.sweep import sweep
from elstrada.roles.keys import derived_keys
from elstrada.spine import tables as t
from elstrada.spine.face import Put, Row, Work
from elstrada.spine.sqlite import SqliteSpine
from sqlite_file import migrated_file

MIB = 1 << 20
IMAGE = os.urandom(700_001)
KEYS = derived_keys("files")


class StepClock:
    """The machine's clock, which a test may move on."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> Any:
        return SystemClock().now() + self.ahead


class Scene:
    """A door, and addresses to come to it."""

    def __init__(self, folder: Path, quota: int = 64 * MIB) -> None:
        self.clock, self.chance = StepClock(), SystemChance()
        self.root = folder / "files"
        self.store = folder / "elstrada.db"
        self.quota = quota
        self.strayed: list[str] = []
        self.certificates: Certificates | None = None
        self.node = "node"

    async def open(self) -> None:
        self.spine = SqliteSpine(migrated_file(self.store), self.clock)
        await self.spine.start()
        listening = listen("127.0.0.1", 0)
        self.files = Files(
            folder=Folder(self.root, self.quota),
            public_url=f"http://127.0.0.1:{listening.getsockname()[1]}",
            node=self.node,
            shared=False,
            upload_bytes=MIB,
            hours=1,
            days=30,
        )
        self.files.folder.prepare()
        self.files.folder.clear()
        strayed = without_addresses(lambda remote, code, sample: self.strayed.append(f"{code} {sample}"))
        door = FileDoor(self.spine, KEYS, self.clock, self.files)
        self.server: HttpServer = await serve_http(
            [], door, listening, limits=LIMITS, strayed=strayed, certificates=self.certificates
        )

    async def close(self) -> None:
        await self.server.close()
        await self.spine.close()

    async def given(self, purpose: Purpose, **more: Any) -> str:
        """A path that a station may use."""
        secret, now = self.chance.secret(), self.clock.now()
        row: dict[str, Any] = {
            "owner": "SE*ELS",
            "transfer_id": self.chance.uuid(),
            "station_id": "CP1",
            "purpose": purpose.value,
            "token_hash": KEYS.file_hash(secret),
            "command_id": self.chance.uuid(),
            "state": "OPEN",
            "node": self.node,
            "moved": 0,
            "most": MIB,
            "tries_left": 3,
            "created_at": now,
            "expires_at": now + timedelta(hours=1),
        }
        if purpose is Purpose.FIRMWARE:
            sha256 = hashlib.sha256(IMAGE).hexdigest()
            self.files.folder.image(sha256).write_bytes(IMAGE)
            row |= {
                "file": sha256,
                "sha256": sha256,
                "file_name": "fw.bin",
                "size": len(IMAGE),
                "most": 3 * len(IMAGE),
            }
        await self.spine.commit(Work(writes=(Put(t.transfer, row | more),)))
        return address(self.files, secret).removeprefix(self.files.public_url)

    async def row(self, path: str) -> Row:
        token = read_path(path)
        assert token is not None
        (row,) = await self.spine.find(t.transfer, {"token_hash": KEYS.file_hash(token[0])})
        return row

    async def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """One request by a foreign client."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return await asyncio.to_thread(self._ask, method, path, body, names)

    def _ask(
        self, method: str, path: str, body: Any, headers: dict[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        with contextlib.closing(connection):
            # Whoever is refused before all was sent may find the line closed, and its answer waiting.
            with contextlib.suppress(BrokenPipeError):
                connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, {n.lower(): v for n, v in response.getheaders()}, response.read()

    def kept(self) -> dict[str, list[str]]:
        return {part: sorted(p.name for p in (self.root / part).iterdir()) for part in ("logs", "coming")}

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds():  # noqa: ASYNC110  What is waited for is a folder's content.
                await asyncio.sleep(0.02)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    made = Scene(tmp_path)
    await made.open()
    yield made
    await made.close()


NOTHING = (404, b"")


async def status_and_body(scene: Scene, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
    status, _, content = await scene.ask(method, path, body)
    return status, content


# --- firmware -----------------------------------------------------------------------------------------


async def test_an_image_is_fetched_whole_and_a_head_tells_of_it(scene: Scene) -> None:
    path = await scene.given(Purpose.FIRMWARE)
    status, told, body = await scene.ask("HEAD", path + "fw.bin")
    assert (status, told["content-length"], told["accept-ranges"], body) == (
        200,
        str(len(IMAGE)),
        "bytes",
        b"",
    )
    status, told, body = await scene.ask("GET", path + "fw.bin")
    assert (status, body == IMAGE) == (200, True)
    assert 'filename="fw.bin"' in told["content-disposition"]
    assert (await scene.row(path))["moved"] == len(IMAGE)


@pytest.mark.parametrize(
    ("asked", "begin", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-", 100, len(IMAGE)),
        ("bytes=100-199", 100, 200),
        ("bytes=-5", len(IMAGE) - 5, len(IMAGE)),
        (f"bytes=5-{10**12}", 5, len(IMAGE)),
        (f"bytes=-{10**12}", 0, len(IMAGE)),
    ],
)
async def test_a_station_goes_on_where_it_was_cut(scene: Scene, asked: str, begin: int, end: int) -> None:
    path = await scene.given(Purpose.FIRMWARE)
    status, told, body = await scene.ask("GET", path, Range=asked)
    assert (status, body == IMAGE[begin:end]) == (206, True)
    assert told["content-range"] == f"bytes {begin}-{end - 1}/{len(IMAGE)}"
    assert (await scene.row(path))["moved"] == end - begin


async def test_ranges_that_are_none_get_the_whole_image_and_ranges_beyond_it_416(scene: Scene) -> None:
    path = await scene.given(Purpose.FIRMWARE, most=100 * len(IMAGE))
    for asked in ("bytes=5-2", "lines=1-2", "bytes=0-1,5-6", "bytes=x-"):
        status, _, body = await scene.ask("GET", path, Range=asked)
        assert (asked, status, len(body)) == (asked, 200, len(IMAGE))
    for asked in (f"bytes={len(IMAGE)}-", "bytes=-0"):
        status, told, body = await scene.ask("GET", path, Range=asked)
        assert (status, told["content-range"], body) == (416, f"bytes */{len(IMAGE)}", b"")
    etag = (await scene.ask("HEAD", path))[1]["etag"]
    assert (await scene.ask("GET", path, Range="bytes=0-9", If_Range=etag))[0] == 206
    assert (await scene.ask("GET", path, Range="bytes=0-9", If_Range='"other"'))[0] == 200


async def test_an_image_goes_out_as_often_as_agreed_counted_in_bytes(scene: Scene) -> None:
    path = await scene.given(Purpose.FIRMWARE, most=2 * len(IMAGE))
    for _ in range(2):
        for begin in range(0, len(IMAGE), 100_000):
            assert (await scene.ask("GET", path, Range=f"bytes={begin}-{begin + 99_999}"))[0] == 206
    assert await status_and_body(scene, "GET", path) == NOTHING
    assert await status_and_body(scene, "HEAD", path) == (404, b"")


async def test_an_image_that_is_gone_or_cut_short_is_not_served_as_whole(scene: Scene) -> None:
    path = await scene.given(Purpose.FIRMWARE)
    image = scene.files.folder.image(hashlib.sha256(IMAGE).hexdigest())
    image.write_bytes(IMAGE[:-1])
    assert (await scene.ask("GET", path))[0] == 503
    image.unlink()
    assert (await scene.ask("GET", path))[0] == 503
    assert (await scene.row(path))["trouble"] == "the image is gone from the folder"


async def test_an_image_at_another_node_is_not_pretended_to_be_unknown(scene: Scene) -> None:
    path = await scene.given(Purpose.FIRMWARE, node="elsewhere")
    assert (await scene.ask("GET", path))[0] == 503


async def test_a_reader_that_stands_still_is_cut_off(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    await scene.open()
    await scene.server.close()
    door = FileDoor(scene.spine, KEYS, scene.clock, scene.files)
    from msgspec.structs import replace

    scene.server = await serve_http([], door, listen("127.0.0.1", 0), limits=replace(LIMITS, stalled_s=0.3))
    global_size = 30 * MIB
    big = os.urandom(MIB) * 30
    sha256 = hashlib.sha256(big).hexdigest()
    path = await scene.given(
        Purpose.FIRMWARE, file=sha256, sha256=sha256, size=global_size, most=10 * global_size
    )
    scene.files.folder.image(sha256).write_bytes(big)

    def read_little() -> int:
        with socket.create_connection(("127.0.0.1", scene.server.port)) as line:
            line.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            line.settimeout(10)
            got = len(line.recv(1000))
            time.sleep(1.5)
            with contextlib.suppress(ConnectionResetError):
                while piece := line.recv(MIB):
                    got += len(piece)
            return got

    assert await asyncio.to_thread(read_little) < global_size
    # The server counts what it handed to the network, and is done with the station.
    async with asyncio.timeout(5):
        while not (await scene.row(path))["moved"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await scene.close()


# --- logs ---------------------------------------------------------------------------------------------

LOG = b"2026-03-01 12:00 all is well\r\n" * 20_000


def multipart(content: bytes, name: str) -> tuple[bytes, str]:
    head = f'--B1\r\nContent-Disposition: form-data; name="f"; filename="{name}"\r\n\r\n'.encode()
    return head + content + b"\r\n--B1--\r\n", "multipart/form-data; boundary=B1"


async def test_a_log_comes_by_put_by_post_and_as_a_form_and_only_once(scene: Scene) -> None:
    form, kind = multipart(LOG, "diag.tar.gz")
    cases: tuple[tuple[str, str, Any, dict[str, str], int, str | None], ...] = (
        ("PUT", "", LOG, {}, 201, None),
        ("PUT", "diag.zip", LOG, {}, 201, "diag.zip"),
        ("PUT", "/diag.zip", LOG, {}, 201, "diag.zip"),
        ("POST", "", LOG, {"Content_Disposition": 'form-data; filename="a.log"'}, 200, "a.log"),
        ("POST", "x", form, {"Content_Type": kind}, 200, "diag.tar.gz"),
        ("POST", "", iter([LOG[:1000], LOG[1000:]]), {}, 200, None),
    )
    for method, tail, body, headers, expected, name in cases:
        path = await scene.given(Purpose.LOG)
        assert (await scene.ask(method, path + tail, body, **headers))[0] == expected
        row = await scene.row(path)
        assert (row["state"], row["size"], row["file_name"]) == ("DONE", len(LOG), name)
        file = scene.files.folder.log(str(row["file"]))
        assert file.read_bytes() == LOG
        assert (file.stat().st_mode & 0o777, row["sha256"]) == (0o600, hashlib.sha256(LOG).hexdigest())
        assert await status_and_body(scene, method, path, LOG) == NOTHING
        assert file.read_bytes() == LOG
    assert len(scene.kept()["logs"]) == len(cases)


async def test_names_from_outside_are_never_paths(scene: Scene) -> None:
    hostile = (
        "../../../etc/cron.d/x",
        "..\\..\\boot.ini",
        "/etc/passwd",
        "..",
        ".",
        ".bashrc",
        "a\nb",
        "%2e%2e%2fx",
        "å/é",
    )
    for name in hostile:
        path = await scene.given(Purpose.LOG)
        body, kind = multipart(LOG, name.replace("\n", "%0A"))
        assert (await scene.ask("POST", path, body, Content_Type=kind))[0] == 200
        shown = (await scene.row(path))["file_name"]
        assert shown is None or (str(shown) == shown_name(str(shown)) and "/" not in str(shown)), name
    for tail in ("../../x", "..%2f..%2fx", "a/b", "/a/b", "%2e%2e/x", "x%00y/z"):
        path = await scene.given(Purpose.LOG)
        assert await status_and_body(scene, "PUT", path + tail, LOG) == NOTHING, tail
    outside = [p for p in scene.root.parent.rglob("*") if p.is_file() and not p.is_relative_to(scene.root)]
    assert all(p.name.startswith("elstrada.db") for p in outside)
    assert len(scene.kept()["logs"]) == len(hostile)


async def test_too_large_is_413_whether_it_is_said_before_or_not_and_nothing_of_it_is_kept(
    scene: Scene,
) -> None:
    said = await scene.given(Purpose.LOG)
    assert (await scene.ask("PUT", said, b"x" * (MIB + 100_000)))[0] == 413
    chunked = await scene.given(Purpose.LOG)
    assert (await scene.ask("PUT", chunked, iter([b"x" * 500_000] * 3)))[0] == 413
    body, kind = multipart(b"x" * (MIB + 1), "x")
    form = await scene.given(Purpose.LOG)
    assert (await scene.ask("POST", form, body, Content_Type=kind))[0] == 413
    assert scene.kept() == {"logs": [], "coming": []}
    for path in (said, chunked, form):
        assert "larger than" in str((await scene.row(path))["trouble"])
    exact = await scene.given(Purpose.LOG)
    assert (await scene.ask("PUT", exact, b"x" * MIB))[0] == 201


async def test_a_cut_upload_leaves_nothing_and_may_be_tried_again_so_often_and_no_oftener(
    scene: Scene,
) -> None:
    path = await scene.given(Purpose.LOG, tries_left=3)
    for _ in range(2):
        _, writer = await asyncio.open_connection("127.0.0.1", scene.server.port)
        writer.write(
            f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(LOG)}\r\n\r\n".encode() + LOG[:300_000]
        )
        await writer.drain()
        await scene.until(lambda: bool(scene.kept()["coming"]))
        writer.close()
        await scene.until(lambda: not scene.kept()["coming"])
    assert "broke off" in str((await scene.row(path))["trouble"])
    assert (await scene.ask("PUT", path, LOG))[0] == 201
    assert (await scene.row(path))["trouble"] is None
    worn = await scene.given(Purpose.LOG, tries_left=1)
    assert (await scene.ask("PUT", worn, b""))[0] == 400
    assert await status_and_body(scene, "PUT", worn, LOG) == NOTHING
    assert len(scene.kept()["logs"]) == 1


async def test_who_asks_before_it_sends_is_refused_before_it_has_sent_anything(scene: Scene) -> None:
    async def ask(path: str, length: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", scene.server.port)
        head = f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
        writer.write(head.encode())
        async with asyncio.timeout(3):
            line = await reader.readline()
            if b" 100 " in line:
                await reader.readline()
                writer.write(b"x" * length)
                line += await reader.readline()
        writer.close()
        return line

    path = await scene.given(Purpose.LOG)
    assert (await ask(f"/files/{'A' * 43}/", 1000)).startswith(b"HTTP/1.1 404")
    assert (await ask(path, 10 * MIB)).startswith(b"HTTP/1.1 413")
    taken = await ask(path, 1000)
    assert taken.startswith(b"HTTP/1.1 100")
    assert b"HTTP/1.1 201" in taken


async def test_two_uploads_at_once_make_one_log(scene: Scene) -> None:
    path = await scene.given(Purpose.LOG)
    answers = await asyncio.gather(*(scene.ask("PUT", path, bytes([i]) * 400_000) for i in range(3)))
    assert sorted(status for status, _, _ in answers) == [201, 404, 404]
    won = next(i for i, (status, _, _) in enumerate(answers) if status == 201)
    (name,) = scene.kept()["logs"]
    assert (await scene.row(path))["file"] == name
    assert scene.files.folder.log(name).read_bytes() == bytes([won]) * 400_000


async def test_parts_of_files_and_broken_forms_are_refused(scene: Scene) -> None:
    path = await scene.given(Purpose.LOG, tries_left=9)
    assert (await scene.ask("PUT", path, LOG, Content_Range="bytes 0-9/100"))[0] == 400
    body, kind = multipart(LOG, "x")
    assert (await scene.ask("POST", path, body[:-20], Content_Type=kind))[0] == 400
    assert (await scene.ask("POST", path, LOG, Content_Type="multipart/form-data"))[0] == 400
    assert scene.kept() == {"logs": [], "coming": []}
    assert (await scene.ask("POST", path, body, Content_Type=kind))[0] == 200


async def test_a_sender_that_stands_still_is_sent_away(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "IDLE_S", 0.3)
    path = await scene.given(Purpose.LOG)
    reader, writer = await asyncio.open_connection("127.0.0.1", scene.server.port)
    writer.write(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc".encode())
    async with asyncio.timeout(15):
        assert b" 408 " in await reader.readline()
    writer.close()
    assert scene.kept() == {"logs": [], "coming": []}
    assert "too slow: 3 bytes" in str((await scene.row(path))["trouble"])


async def test_a_full_folder_answers_507_and_stays_as_it_is(tmp_path: Path) -> None:
    scene = Scene(tmp_path, quota=MIB)
    await scene.open()
    first, second = await scene.given(Purpose.LOG), await scene.given(Purpose.LOG)
    assert (await scene.ask("PUT", first, b"x" * 700_000))[0] == 201
    assert (await scene.ask("PUT", second, b"x" * 700_000))[0] == 507
    assert len(scene.kept()["logs"]) == 1
    assert (await scene.ask("PUT", second, b"x" * 300_000))[0] == 201
    await scene.close()


# --- addresses ----------------------------------------------------------------------------------------


async def test_every_address_that_is_good_for_nothing_is_answered_alike(scene: Scene) -> None:
    firmware, log = await scene.given(Purpose.FIRMWARE), await scene.given(Purpose.LOG)
    used = await scene.given(Purpose.LOG)
    assert (await scene.ask("PUT", used, LOG))[0] == 201
    closed = await scene.given(Purpose.LOG, state=TransferState.CLOSED.value)
    expired = await scene.given(Purpose.LOG, expires_at=scene.clock.now() - timedelta(seconds=1))
    worn = await scene.given(Purpose.LOG, tries_left=0)
    told: set[tuple[int, tuple[str, ...], bytes]] = set()
    for method, path in (
        ("GET", log),
        ("GET", used),
        ("PUT", firmware),
        ("POST", firmware),
        ("PUT", used),
        ("PUT", closed),
        ("PUT", expired),
        ("PUT", worn),
        ("PUT", f"/files/{'A' * 43}/"),
        ("GET", f"/files/{'A' * 43}/"),
        ("GET", "/files/"),
        ("GET", "/"),
    ):
        status, headers, body = await scene.ask(method, path, LOG if method != "GET" else None)
        told.add((status, tuple(sorted(set(headers) - {"date"})), body))
    assert told == {(404, ("connection", "content-length"), b"")}
    assert (await scene.ask("DELETE", log))[0] == 405
    # What is counted of strangers lets nobody in.
    secrets = [path.split("/")[2] for path in (firmware, log, used, closed, expired, worn)]
    assert scene.strayed
    assert not any(secret in line for secret in secrets for line in scene.strayed)


async def test_the_addresses_of_two_stations_cannot_be_swapped(scene: Scene) -> None:
    one, two = await scene.given(Purpose.LOG), await scene.given(Purpose.LOG, station_id="CP2")
    assert (await scene.ask("PUT", one + "CP2.log", b"of one"))[0] == 201
    assert (await scene.ask("PUT", two + "CP1.log", b"of two"))[0] == 201
    for path, station, content in ((one, "CP1", b"of one"), (two, "CP2", b"of two")):
        row = await scene.row(path)
        assert (row["station_id"], scene.files.folder.log(str(row["file"])).read_bytes()) == (
            station,
            content,
        )
    firmware, other = await scene.given(Purpose.FIRMWARE), await scene.given(Purpose.LOG, station_id="CP2")
    secret = other.split("/")[2]
    assert await status_and_body(scene, "GET", firmware.replace(firmware.split("/")[2], secret)) == NOTHING
    assert await status_and_body(scene, "GET", one) == NOTHING  # Nobody reads a log at the door.


async def test_a_restart_keeps_addresses_good_and_clears_what_was_half_there(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    await scene.open()
    firmware, log = await scene.given(Purpose.FIRMWARE), await scene.given(Purpose.LOG)
    assert (await scene.ask("GET", firmware, Range="bytes=0-99"))[0] == 206
    (scene.root / "coming" / scene.chance.uuid()).write_bytes(b"half")
    await scene.close()
    await scene.open()
    assert scene.kept()["coming"] == []
    assert (await scene.ask("GET", firmware, Range="bytes=100-"))[2] == IMAGE[100:]
    assert (await scene.row(firmware))["moved"] == len(IMAGE)
    assert (await scene.ask("PUT", log, LOG))[0] == 201
    await scene.close()


async def test_of_an_address_only_a_keyed_hash_is_stored(scene: Scene) -> None:
    path = await scene.given(Purpose.LOG)
    await scene.ask("PUT", path, LOG)
    await scene.spine.close()
    lying = b"".join(p.read_bytes() for p in scene.store.parent.glob("elstrada.db*"))
    assert path.split("/")[2].encode() not in lying
    await scene.spine.start()


async def test_while_the_store_is_down_a_station_is_told_to_come_again(scene: Scene) -> None:
    path = await scene.given(Purpose.LOG)
    await scene.spine.close()
    assert (await scene.ask("PUT", path, LOG))[0] == 503
    assert scene.kept() == {"logs": [], "coming": []}
    await scene.spine.start()


async def test_what_is_old_is_swept_and_strays_of_a_crash_too(scene: Scene) -> None:
    old, open_ = (
        await scene.given(Purpose.LOG),
        await scene.given(Purpose.LOG, expires_at=scene.clock.now() + timedelta(days=60)),
    )
    await scene.ask("PUT", old, LOG)
    for part in ("logs", "coming"):
        stray = scene.root / part / scene.chance.uuid()
        stray.write_bytes(b"stray")
        os.utime(stray, (0, 0))
    assert await sweep(scene.spine, scene.clock, scene.files) == 0
    assert (len(scene.kept()["logs"]), scene.kept()["coming"]) == (1, [])
    scene.clock.ahead = timedelta(days=31)
    assert await sweep(scene.spine, scene.clock, scene.files) == 1
    assert scene.kept() == {"logs": [], "coming": []}
    assert (await scene.ask("PUT", open_, LOG))[0] == 201


async def test_by_tls_the_door_shows_the_stations_certificates_and_renewed_ones_at_once(
    tmp_path: Path,
) -> None:
    scene, ours = Scene(tmp_path), Authority(tmp_path / "ca")
    shown = ours.server(file="tls")
    files = TlsFiles(certificates=(shown.certificate,), keys=(shown.key,))
    scene.certificates = Certificates(files, scene.clock)
    await scene.open()
    path = await scene.given(Purpose.FIRMWARE)

    def fetch() -> tuple[bytes, bytes]:
        connection = http.client.HTTPSConnection(
            "localhost", scene.server.port, context=trusting(ours), timeout=10
        )
        with contextlib.closing(connection):
            connection.request("GET", path)
            body = connection.getresponse().read()
        with socket.create_connection(("127.0.0.1", scene.server.port)) as plain:
            line = trusting(ours).wrap_socket(plain, server_hostname="localhost")
            return body, line.getpeercert(binary_form=True) or b""

    body, before = await asyncio.to_thread(fetch)
    assert body == IMAGE
    ours.server(file="tls")
    for _ in range(2):
        await scene.certificates.look()
    body, after = await asyncio.to_thread(fetch)
    assert (body == IMAGE, before == after) == (True, False)
    await scene.close()

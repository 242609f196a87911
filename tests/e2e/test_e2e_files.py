"""Firmware and logs through a whole process: foreign stations fetch and leave real files at real addresses."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from installation import CPO, Installation, Nursery, free_port, serving, wait_for
from ocpp.routing import on
from ocpp.v16 import call as call16
from ocpp.v16 import call_result as result16
from ocpp.v201 import call as call201
from ocpp.v201 import call_result as result201
from ocpp_stations import Station16, Station201, plugged_in

from authority import Authority, made_key

IMAGE = os.urandom(5_000_000)
"""More than one piece of what the command line hands in at once."""
LOG = b"2026-03-01T12:00:00Z contactor closed\n" * 90_000


def fetched(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=30) as response:
        return response.read()


def sent(url: str, method: str, body: bytes, **headers: str) -> int:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, body, names, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status
    except urllib.error.HTTPError as refused:
        return refused.code


def is_signed(image: bytes, signature: str, certificate: str) -> bool:
    """As a station looks at it: L01.FR.04."""
    key = x509.load_pem_x509_certificate(certificate.encode()).public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(base64.b64decode(signature), image, ec.ECDSA(hashes.SHA256()))
    else:
        assert isinstance(key, rsa.RSAPublicKey)
        scheme = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        key.verify(base64.b64decode(signature), image, scheme, hashes.SHA256())
    return True


class Works:
    """What every kind of station does with what it is told; ``tell`` is its own word for it."""

    got: bytes = b""
    signature: str | None = None
    orders: list[dict[str, Any]]
    done: asyncio.Event

    async def tell(self, what: str, status: str, request_id: int | None) -> None:
        raise NotImplementedError

    def begin(self, work: Any) -> None:
        self.done = asyncio.Event()
        self._work = asyncio.create_task(work)

    async def update(self, firmware: dict[str, Any], request_id: int | None) -> None:
        await self.tell("firmware", "Downloading", request_id)
        self.got = await asyncio.to_thread(fetched, firmware["location"])
        await self.tell("firmware", "Downloaded", request_id)
        self.signature = firmware.get("signature")
        if self.signature is not None:
            assert is_signed(self.got, self.signature, firmware["signing_certificate"])
            await self.tell("firmware", "SignatureVerified", request_id)
        await self.tell("firmware", "Installed", request_id)
        self.done.set()

    async def upload(self, location: str, request_id: int | None, what: str = "log") -> None:
        await self.tell(what, "Uploading", request_id)
        url = f"{location}diagnostics.log"
        # N01.FR.18: either will do.
        status = await asyncio.to_thread(sent, url, "POST" if request_id else "PUT", LOG)
        await self.tell(what, "Uploaded" if status in (200, 201) else "UploadFailed", request_id)
        self.done.set()


class Updating16(Works, Station16):
    """Without the security extension: it knows neither GetLog nor SignedUpdateFirmware."""

    async def tell(self, what: str, status: str, request_id: int | None) -> None:
        kind = (
            call16.FirmwareStatusNotification if what == "firmware" else call16.DiagnosticsStatusNotification
        )
        await self.call(kind(status=status))  # type: ignore[arg-type]

    @on("UpdateFirmware")
    def on_update(self, location: str, retrieve_date: str, **more: Any) -> result16.UpdateFirmware:
        self.begin(self.update({"location": location}, None))
        return result16.UpdateFirmware()

    @on("GetDiagnostics")
    def on_diagnostics(self, location: str, **more: Any) -> result16.GetDiagnostics:
        self.begin(self.upload(location, None))
        return result16.GetDiagnostics(file_name="diagnostics.log")


class Secure16(Works, Station16):
    """With it."""

    async def tell(self, what: str, status: str, request_id: int | None) -> None:
        assert request_id is not None
        kind = call16.SignedFirmwareStatusNotification if what == "firmware" else call16.LogStatusNotification
        await self.call(kind(status=status, request_id=request_id))  # type: ignore[arg-type]

    @on("SignedUpdateFirmware")
    def on_update(self, request_id: int, firmware: dict[str, Any], **more: Any) -> Any:
        self.begin(self.update(firmware, request_id))
        return result16.SignedUpdateFirmware(status="Accepted")  # type: ignore[arg-type]

    @on("GetLog")
    def on_log(self, log: dict[str, Any], log_type: str, request_id: int, **more: Any) -> Any:
        self.orders = [{"log": log, "log_type": log_type}]
        self.begin(self.upload(log["remote_location"], request_id))
        return result16.GetLog(status="Accepted", filename="diagnostics.log")  # type: ignore[arg-type]


class Updating201(Works, Station201):
    async def tell(self, what: str, status: str, request_id: int | None) -> None:
        kind = call201.FirmwareStatusNotification if what == "firmware" else call201.LogStatusNotification
        await self.call(kind(status=status, request_id=request_id))  # type: ignore[arg-type]

    @on("UpdateFirmware")
    def on_update(self, request_id: int, firmware: dict[str, Any], **more: Any) -> Any:
        self.orders = [firmware]
        status = self.answers.get("UpdateFirmware", "Accepted")
        if status.startswith("Accepted"):
            self.begin(self.update(firmware, request_id))
        return result201.UpdateFirmware(status=status)  # type: ignore[arg-type]

    @on("GetLog")
    def on_log(self, log: dict[str, Any], log_type: str, request_id: int, **more: Any) -> Any:
        self.orders = [{"log": log, "log_type": log_type}]
        self.begin(self.upload(log["remote_location"], request_id))
        return result201.GetLog(status="Accepted", filename="diagnostics.log")  # type: ignore[arg-type]


class Home:
    """A serving installation with a file door, three stations on its roll, and two images."""

    def __init__(self, installation: Installation) -> None:
        self.installation, self.folder = installation, installation.folder
        self.passwords = {
            name: installation.done("station add", station=name)["password"] for name in ("A", "B", "C")
        }

    async def run(self, *words: str) -> Any:
        return await asyncio.to_thread(self.installation.run, *words)

    async def told(self, *words: str) -> Any:
        return await asyncio.to_thread(self.installation.told, *words)

    def plugged_in(self, kind: Any, name: str) -> Any:
        return plugged_in(kind, name, self.installation.stations_url, self.passwords[name])

    async def add(self, version: str, *more: str, model: str = "Wallbox") -> str:
        image = self.folder / "image.bin"
        image.write_bytes(IMAGE)
        words = ("firmware", "add", str(image), "--vendor", "Foreign", "--model", model, "--version", version)
        return (await self.told(*words, *more))["firmware"]

    async def sign(self, kind: str) -> tuple[str, ...]:
        """Sign the image by the command line; returns what to say of it when it is added."""
        issued = Authority(self.folder / f"ca-{kind}").station("maker", kind=kind)
        image, signature = self.folder / "image.bin", self.folder / f"{kind}.sig"
        image.write_bytes(IMAGE)
        told = await self.run("firmware", "sign", str(image), "--key", str(issued.key))
        assert told.code == 0, told
        signature.write_text(told.stdout)
        leaf = self.folder / f"{kind}.pem"
        first = x509.load_pem_x509_certificates(issued.certificate.read_bytes())[0]
        leaf.write_bytes(first.public_bytes(Encoding.PEM))
        return ("--signature", str(signature), "--certificate", str(leaf))

    async def transfer(self, station: str, status: str | None) -> Any:
        """The station's newest transfer, once the station said this of it."""

        def found() -> Any:
            line = self.installation.told("station", "transfers", station)[0]
            return line if line["status"] == status else None

        return await asyncio.to_thread(wait_for, found, f"{status} of {station}")


SETTINGS = ("files.port = 0", "files.upload_megabytes = 5")


@pytest.fixture
def home(nursery: Nursery, tmp_path: Path) -> Iterator[Home]:
    settings = (*SETTINGS, f'files.dir = "{tmp_path / "files"}"')
    with serving(Installation(tmp_path, nursery, (CPO,), settings)) as installation:
        yield Home(installation)


async def test_a_1_6_station_fetches_an_image_and_leaves_its_diagnostics(home: Home) -> None:
    firmware = await home.add("1.1")
    assert firmware == "Foreign-Wallbox-1.1"
    async with home.plugged_in(Updating16, "A") as station:
        await station.boot()
        assert (await home.told("station", "update", "A", firmware))["action"] == "UpdateFirmware"
        await asyncio.wait_for(station.done.wait(), 30)
        assert station.got == IMAGE
        line = await home.transfer("A", "Installed")
        assert (line["what"], line["state"], line["moved"], line["size"]) == (
            firmware,
            "OPEN",
            len(IMAGE),
            len(IMAGE),
        )
        # It has no GetLog, so it is asked for diagnostics, whose status has no number.
        assert (await home.told("station", "logs", "A"))["action"] == "GetDiagnostics"
        await asyncio.wait_for(station.done.wait(), 30)
        log = await home.transfer("A", "Uploaded")
        assert (log["what"], log["state"], log["size"], log["request_id"]) == (
            "DIAGNOSTICS",
            "DONE",
            len(LOG),
            None,
        )
        assert (await home.transfer("A", "Uploaded"))["file_name"] == "diagnostics.log"
        refused = await home.run("station", "logs", "A", "--kind", "SECURITY")
        assert (refused.code, "NOT_SUPPORTED" in refused.stderr) == (5, True)
    (updated,) = await home.told("firmware", "updates", firmware)
    assert (updated["station"], updated["status"]) == ("A", "Installed")

    to = home.folder / "copied.log"
    told = await home.told("station", "fetch", log["transfer"], "--to", str(to))
    assert (to.read_bytes() == LOG, told["sha256"]) == (True, hashlib.sha256(LOG).hexdigest())
    again = await home.run("station", "fetch", log["transfer"], "--to", str(to))
    assert (again.code, "File exists" in again.stderr) == (1, True)
    assert "Installed at" in (await home.run("station", "transfers", "A")).stdout


@pytest.mark.parametrize("kind", ["RSA", "EC"])
async def test_a_1_6_station_with_the_security_extension_gets_a_signed_update(home: Home, kind: str) -> None:
    firmware = await home.add("2.0", *await home.sign(kind))
    async with home.plugged_in(Secure16, "B") as station:
        await station.boot()
        told = await home.told("station", "update", "B", firmware, "--install-at", "2030-01-01T00:00:00Z")
        assert told["action"] == "SignedUpdateFirmware"
        await asyncio.wait_for(station.done.wait(), 30)
        assert (station.got == IMAGE, station.signature is not None) == (True, True)
        line = await home.transfer("B", "Installed")
        assert line["request_id"] is not None
        await home.told("station", "logs", "B", "--kind", "SECURITY", "--since", "2026-01-01T00:00:00Z")
        await asyncio.wait_for(station.done.wait(), 30)
        assert station.orders[0]["log_type"] == "SecurityLog"
        assert station.orders[0]["log"]["oldest_timestamp"].startswith("2026-01-01T00:00:00")
        assert (await home.transfer("B", "Uploaded"))["state"] == "DONE"


async def test_a_2_0_1_station_is_updated_and_a_newer_update_takes_the_older_one_s_place(home: Home) -> None:
    signed = await home.add("3.0", *await home.sign("EC"), model="Column")
    other = await home.add("3.1", model="Column")
    async with home.plugged_in(Updating201, "C") as station:
        await station.boot()
        first = await home.told("station", "update", "C", signed, "--at", "2030-01-01T00:00:00Z")
        await asyncio.wait_for(station.done.wait(), 30)
        assert station.orders[0]["retrieve_date_time"].startswith("2030-01-01T00:00:00")
        assert (await home.transfer("C", "Installed"))["expires_at"].startswith("2030-01-04")
        location = station.orders[0]["location"]

        station.answers["UpdateFirmware"] = "AcceptedCanceled"  # L01.FR.24
        second = await home.told("station", "update", "C", other)
        await asyncio.wait_for(station.done.wait(), 30)
        assert station.got == IMAGE
        assert "signature" not in station.orders[0]
        lines = {line["transfer"]: line for line in await home.told("station", "transfers", "C")}
        assert lines[first["transfer"]]["state"] == "CLOSED"
        assert lines[second["transfer"]]["state"] == "OPEN"
        with pytest.raises(urllib.error.HTTPError, match="404"):
            await asyncio.to_thread(fetched, location)

        station.answers["UpdateFirmware"] = "InvalidCertificate"  # L01.FR.22
        refused = await home.run("station", "update", "C", signed)
        assert (refused.code, "InvalidCertificate" in refused.stderr) == (5, True)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            await asyncio.to_thread(fetched, station.orders[0]["location"])
        line = await home.transfer("C", None)
        assert (line["state"], line["trouble"]) == (
            "CLOSED",
            "the station answered REJECTED: InvalidCertificate",
        )

        await home.told("station", "logs", "C")
        await asyncio.wait_for(station.done.wait(), 30)
        assert (await home.transfer("C", "Uploaded"))["size"] == len(LOG)

        # The image goes, and with it every address at which it is.
        location = (await asked_again(home, station, other))["location"]
        assert (await home.run("firmware", "remove", other)).code == 0
        with pytest.raises(urllib.error.HTTPError, match="404"):
            await asyncio.to_thread(fetched, location)
    # Another image has the same content, so the file is there still.
    assert len(list((home.folder / "files" / "images").iterdir())) == 1
    assert (await home.run("firmware", "remove", signed)).code == 0
    assert list((home.folder / "files" / "images").iterdir()) == []


async def asked_again(home: Home, station: Any, firmware: str) -> dict[str, Any]:
    station.answers.clear()
    await home.told("station", "update", "C", firmware)
    await asyncio.wait_for(station.done.wait(), 30)
    return station.orders[0]


async def test_the_one_time_part_of_an_address_is_nowhere_but_at_the_station(home: Home) -> None:
    firmware = await home.add("4.0", model="Column")
    async with home.plugged_in(Updating201, "C") as station:
        await station.boot()
        end = await home.told("station", "update", "C", firmware)
        await asyncio.wait_for(station.done.wait(), 30)
        secret = station.orders[0]["location"].split("/")[4]
        await home.transfer("C", "Installed")
        command = home.installation.rows("select body from log where kind = 'CommandRequested'")
        assert [json.loads(row["body"])["command_id"] for row in command] == [end["command_id"]]
        assert "/files/***/image.bin" in command[0]["body"]
        await asyncio.to_thread(
            wait_for,
            lambda: "/files/***" in home.installation.run("station", "log", "C").stdout,
            "the wire log",
        )
    lying = [path for path in home.folder.rglob("*") if path.is_file()]
    assert len(lying) > 5
    assert not [path for path in lying if secret.encode() in path.read_bytes()]


async def test_an_image_is_added_and_offered_only_if_it_fits(home: Home) -> None:
    given = await home.sign("RSA")
    image = home.folder / "image.bin"
    words = ("firmware", "add", str(image), "--vendor", "Foreign", "--model", "Column", "--version", "5")
    image.write_bytes(IMAGE[:-1])
    tampered = await home.run(*words, *given)
    assert (tampered.code, "not this image's" in tampered.stderr) == (6, True)
    other = Authority(home.folder / "other").station("other", kind="RSA")
    image.write_bytes(IMAGE)
    foreign = await home.run(*words, *given[:2], "--certificate", str(other.certificate))
    assert (foreign.code, "not this image's" in foreign.stderr) == (6, True)
    with_key = home.folder / "both.pem"
    key = made_key("RSA").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with_key.write_bytes((home.folder / "RSA.pem").read_bytes() + key)
    assert "private key" in (await home.run(*words, *given[:2], "--certificate", str(with_key))).stderr
    assert await home.told("firmware", "list") == []
    assert list((home.folder / "files" / "images").iterdir()) == []

    firmware = await home.add("5", *given, model="Column")
    twice = await home.run(*words, *given)
    assert (twice.code, "already" in twice.stderr) == (1, True)
    async with home.plugged_in(Updating16, "A") as station:
        await station.boot()
        wrong = await home.run("station", "update", "A", firmware)
        assert (wrong.code, "Foreign Column" in wrong.stderr) == (1, True)
        unknown = await home.run("station", "update", "A", firmware, "--any-model")
        assert (unknown.code, "NOT_SUPPORTED" in unknown.stderr) == (5, True)
        assert (await home.run("station", "update", "A", firmware, "--any-model", "--unsigned")).code == 0
        await asyncio.wait_for(station.done.wait(), 30)
        assert station.got == IMAGE
        when = ("--any-model", "--unsigned", "--install-at", "2030-01-01T00:00:00Z")
        assert (await home.run("station", "update", "A", firmware, *when)).code == 6
    away = await home.run("station", "update", "A", firmware, "--any-model")
    assert (away.code, "not connected" in away.stderr) == (4, True)


async def test_a_killed_server_comes_back_with_addresses_files_and_progress(
    nursery: Nursery, tmp_path: Path
) -> None:
    settings = (f"files.port = {free_port()}", f'files.dir = "{tmp_path / "files"}"')
    installation = Installation(tmp_path, nursery, (CPO,), settings)
    with serving(installation):
        home = Home(installation)
        firmware = await home.add("6", model="Column")

        class Waiting(Updating201):
            async def update(self, firmware: dict[str, Any], request_id: int | None) -> None:
                await self.tell("firmware", "DownloadScheduled", request_id)
                self.done.set()

            async def upload(self, location: str, request_id: int | None, what: str = "log") -> None:
                self.done.set()

        async with home.plugged_in(Waiting, "C") as station:
            await station.boot()
            await home.told("station", "update", "C", firmware)
            await asyncio.wait_for(station.done.wait(), 30)
            update = station.orders[0]["location"]
            await home.told("station", "logs", "C")
            upload = station.orders[0]["log"]["remote_location"]
        installation.kill()
        await asyncio.to_thread(installation.start)
        assert await asyncio.to_thread(fetched, update) == IMAGE
        assert await asyncio.to_thread(sent, upload, "PUT", LOG) == 201
        assert await asyncio.to_thread(sent, upload, "PUT", LOG) == 404
        findings = await asyncio.to_thread(
            wait_for, lambda: installation.told("finding", "list"), "a finding"
        )
        assert [one["code"] for one in findings] == ["HTTP 404"]
        assert upload.split("/")[4] not in json.dumps(findings)
        installation.kill()
        await asyncio.to_thread(installation.start)
        log, line = await home.told("station", "transfers", "C")
        assert (line["status"], line["moved"]) == ("DownloadScheduled", len(IMAGE))
        assert (log["state"], log["size"]) == ("DONE", len(LOG))
        told = await home.told("station", "fetch", log["transfer"], "--to", str(tmp_path / "log"))
        assert told["file"] == str(tmp_path / "log")
        assert (tmp_path / "log").read_bytes() == LOG

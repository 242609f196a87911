"""What every station server does with TLS, whichever library is beneath: T3, T6, T7, T13."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from station_scene import TEXT, Papers, Scene, frame, handshake, papers, scene, until

from authority import DAY, Authority, Issued, trusting
from elstrada.net.certificates import TlsFiles
from elstrada.net.station_server import StationLimits
from elstrada.net.throttle import Rate

LOOPS = {"asyncio": asyncio.run, "uvloop": uvloop.run}
pytestmark = pytest.mark.parametrize(
    "engine", ["picows on uvloop", "picows on asyncio", "websockets on uvloop", "websockets on asyncio"]
)

Play = Callable[[Scene], Coroutine[object, object, None]]


def played(
    engine: str, play: Play, limits: StationLimits | None = None, files: TlsFiles | None = None
) -> None:
    library, loop = engine.split(" on ")

    async def whole() -> None:
        async with scene(library, limits, files=files or papers().files()) as stage:
            await play(stage)

    LOOPS[loop](whole())


async def entered(stage: Scene, trust: ssl.SSLContext | None = None) -> int:
    """The status of a knock; 0 if the TLS handshake or the line fails."""
    try:
        wire = await stage.connect(trust=trust)
    except (ssl.SSLError, ConnectionError):
        return 0
    wire.write(handshake())
    status = (await wire.reply()).status
    wire.writer.close()
    return status


# Who is there.


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_doorman_sees_whose_certificate_it_is(engine: str, version: ssl.TLSVersion) -> None:
    async def play(stage: Scene) -> None:
        trust = trusting(papers().ours, own=papers().theirs.station("CP1", organization="Els"))
        trust.minimum_version = trust.maximum_version = version
        assert await entered(stage, trust) == 101
        (knock,) = stage.gatekeeper.knocks
        assert knock.secured is not None
        certificate = knock.secured.certificate
        assert certificate is not None
        assert (certificate.common_name, certificate.organization) == ("CP1", "Els")
        assert certificate.ends_at > knock.at

    played(engine, play)


def test_a_station_without_a_certificate_is_only_secured(engine: str) -> None:
    async def play(stage: Scene) -> None:
        assert await entered(stage) == 101
        (knock,) = stage.gatekeeper.knocks
        assert knock.secured is not None
        assert knock.secured.certificate is None

    played(engine, play)


def test_where_no_authority_is_trusted_no_station_is_asked_for_a_certificate(engine: str) -> None:
    async def play(stage: Scene) -> None:
        trust = trusting(papers().ours, own=papers().stranger.station("CP1"))
        assert await entered(stage, trust) == 101
        (knock,) = stage.gatekeeper.knocks
        assert knock.secured is not None
        assert knock.secured.certificate is None

    server = papers().server
    played(engine, play, files=TlsFiles(certificates=(server.certificate,), keys=(server.key,)))


BAD: dict[str, Callable[[Papers], Issued]] = {
    "of a stranger": lambda papers: papers.stranger.station("CP1"),
    "ended": lambda papers: papers.theirs.station("CP1", ends=-DAY),
    "for servers only": lambda papers: papers.theirs.station("CP1", serves=True),
    "of our own authority": lambda papers: papers.ours.station("CP1"),
    "of a false authority of the same name": lambda papers: Authority(
        papers.folder / "false", "Theirs"
    ).station("CP1"),
    "with a weak key": lambda papers: papers.theirs.station("CP1", kind="weak RSA"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_bad_certificate_never_knocks_and_is_counted_t6(
    engine: str, version: ssl.TLSVersion, name: str
) -> None:
    async def play(stage: Scene) -> None:
        trust = trusting(papers().ours)
        trust.set_ciphers("DEFAULT@SECLEVEL=0")
        own = BAD[name](papers())
        trust.load_cert_chain(own.certificate, own.key)
        trust.minimum_version = trust.maximum_version = version
        assert await entered(stage, trust) == 0
        assert not stage.gatekeeper.knocks
        assert stage.server.unsecured == {"client certificate": 1}
        ((remote, code, sample),) = stage.strayed
        assert (remote, code) == ("127.0.0.1", "TLS: client certificate")
        assert "certificate" in sample

    played(engine, play)


# What is spoken.

UNSPOKEN: dict[str, tuple[str, ssl.TLSVersion, str]] = {
    "TLS 1.0": ("ALL@SECLEVEL=0", ssl.TLSVersion.TLSv1, "old version"),
    "TLS 1.1": ("ALL@SECLEVEL=0", ssl.TLSVersion.TLSv1_1, "old version"),
    "no forward secrecy": ("AES128-GCM-SHA256", ssl.TLSVersion.TLSv1_2, "no common cipher"),
    "CBC": ("ECDHE-ECDSA-AES128-SHA256", ssl.TLSVersion.TLSv1_2, "no common cipher"),
}


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("name", UNSPOKEN)
def test_what_is_too_weak_is_not_spoken_t7(engine: str, name: str) -> None:
    ciphers, version, reason = UNSPOKEN[name]

    async def play(stage: Scene) -> None:
        trust = trusting(papers().ours)
        trust.set_ciphers(ciphers)
        trust.minimum_version = ssl.TLSVersion.TLSv1
        trust.maximum_version = version
        assert await entered(stage, trust) == 0
        assert stage.server.unsecured == {reason: 1}
        assert not stage.gatekeeper.knocks

    played(engine, play)


def test_suites_without_forward_secrecy_are_spoken_where_that_is_set(engine: str) -> None:
    """OCPP demands them of a CSMS (A00.FR.318); who knows better ones is never met with them."""
    files = msgspec.structs.replace(papers().files(papers().ours.server("RSA")), without_secrecy=True)

    async def play(stage: Scene) -> None:
        for ciphers, agreed in (
            ("AES128-GCM-SHA256", "AES128-GCM-SHA256"),
            ("AES256-GCM-SHA384", "AES256-GCM-SHA384"),
            ("AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
        ):
            trust = trusting(papers().ours)
            trust.set_ciphers(ciphers)
            trust.maximum_version = ssl.TLSVersion.TLSv1_2
            wire = await stage.connect(trust=trust)
            assert wire.writer.get_extra_info("cipher")[0] == agreed
            wire.writer.close()

    played(engine, play, files=files)


def test_plain_text_at_the_door_with_tls_reaches_nobody(engine: str) -> None:
    async def play(stage: Scene) -> None:
        wire = await stage.bare()
        wire.write(handshake())
        assert (await wire.reply()).status == 0
        assert await wire.ended()
        assert stage.server.unsecured == {"not TLS": 1}
        assert not stage.gatekeeper.knocks
        assert await entered(stage) == 101

    played(engine, play)


def test_stations_of_either_kind_are_shown_the_certificate_they_know(engine: str) -> None:
    async def play(stage: Scene) -> None:
        kinds: list[bool] = []
        for cipher in ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"):
            trust = trusting(papers().ours)
            trust.set_ciphers(cipher)
            trust.maximum_version = ssl.TLSVersion.TLSv1_2
            shown = await shown_by(stage, trust)
            kinds.append(isinstance(shown.public_key(), RSAPublicKey))
        assert kinds == [True, False]

    played(engine, play, files=papers().files(papers().ours.server("RSA")))


def test_the_chain_is_shown_whole(engine: str) -> None:
    async def play(stage: Scene) -> None:
        assert await entered(stage) == 101

    below = Authority(papers().folder / "below", "Below", papers().ours).server()
    played(engine, play, files=TlsFiles(certificates=(below.certificate,), keys=(below.key,)))


async def shown_by(stage: Scene, trust: ssl.SSLContext) -> x509.Certificate:
    """The certificate that the server shows."""
    wire = await stage.connect(trust=trust)
    der = wire.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    wire.writer.close()
    return x509.load_der_x509_certificate(der)


# Floods.


def test_a_half_tls_handshake_ends_at_the_deadline_t13(engine: str) -> None:
    async def play(stage: Scene) -> None:
        silent, dripping = await stage.bare(), await stage.bare()
        start = asyncio.get_running_loop().time()

        async def drip() -> None:
            for byte in b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200):
                dripping.write(bytes([byte]))
                await asyncio.sleep(0.02)

        dripper = asyncio.create_task(drip())
        await asyncio.gather(silent.ended(), dripping.ended())
        assert 0.2 < asyncio.get_running_loop().time() - start < 1.0
        dripper.cancel()
        await until(lambda: stage.server.unsecured == {"slow": 2})

    played(engine, play, StationLimits(opening_s=0.3))


def test_half_handshakes_push_out_each_other_and_never_an_honest_station_t13(engine: str) -> None:
    async def play(stage: Scene) -> None:
        slow = [await stage.bare("127.0.0.2") for _ in range(30)]
        assert all([await wire.ended() for wire in slow[:20]])
        assert await entered(stage) == 101
        slow += [await stage.bare(f"127.0.1.{n}") for n in range(1, 40)]
        assert await entered(stage) == 101
        await until(lambda: stage.server.unsecured["pushed out"] >= 40)

    played(engine, play, StationLimits(opening_sockets=20, opening_per_address=10, opening_s=3))


def test_who_fails_its_handshakes_too_often_is_not_listened_to_and_its_neighbour_is_t3(engine: str) -> None:
    async def play(stage: Scene) -> None:
        async def flood(source: str) -> None:
            for _ in range(10):
                wire = await stage.bare(source)
                wire.write(b"GET / HTTP/1.1\r\n\r\n")
                assert await wire.ended()

        await flood("127.0.0.2")
        assert stage.server.unsecured == {"not TLS": 5, "throttled": 5}
        assert await entered(stage) == 101, "from another address"
        await flood("127.0.0.1")
        assert await entered(stage) == 101, "from an address that has let a station in before"

    played(engine, play, StationLimits(address_failures=Rate(burst=5, per_s=0.01)))


def test_a_balancer_that_only_looks_whether_somebody_listens_is_no_failure(engine: str) -> None:
    async def play(stage: Scene) -> None:
        for _ in range(10):
            wire = await stage.bare()
            wire.writer.close()
            await wire.writer.wait_closed()
        await until(lambda: stage.server.unsecured == {"broken off": 10})
        assert not stage.strayed
        assert await entered(stage) == 101

    played(engine, play, StationLimits(address_failures=Rate(burst=5, per_s=0.01)))


def test_a_server_that_leaves_ends_handshakes_too(engine: str) -> None:
    async def play(stage: Scene) -> None:
        wire = await stage.bare()
        await asyncio.sleep(0.05)
        await stage.server.close()
        assert await wire.ended()
        with pytest.raises(ConnectionRefusedError):
            await stage.bare()

    played(engine, play)


# Renewal.


def test_changed_files_meet_new_stations_and_leave_connected_ones_alone(engine: str, tmp_path: Path) -> None:
    own = Papers(tmp_path)

    async def play(stage: Scene) -> None:
        stage.trust = trusting(own.ours)
        assert stage.certificates is not None
        wire, line = await stage.enter()
        before = await shown_by(stage, stage.trust)

        renewed = own.ours.server(file="server", ends=180 * DAY)
        await stage.certificates.look()
        assert await shown_by(stage, stage.trust) == before, "what has just changed may change still"
        await stage.certificates.look()
        after = await shown_by(stage, stage.trust)
        assert after == x509.load_pem_x509_certificate(renewed.certificate.read_bytes())

        renewed.key.write_bytes(own.stranger.station("X").key.read_bytes())
        await stage.certificates.look()
        await stage.certificates.look()
        assert await shown_by(stage, stage.trust) == after, "what does not fit is not taken up"

        wire.write(frame(TEXT, b"still here"))
        assert await wire.frame() == (TEXT, b"still here")
        assert not line.closes

    played(engine, play, files=own.files())


def test_an_authority_that_is_taken_away_lets_nobody_in_any_more(engine: str, tmp_path: Path) -> None:
    """Not even by a session that was resumed, of which the chain is not looked at again."""
    own = Papers(tmp_path)

    async def play(stage: Scene) -> None:
        assert stage.certificates is not None
        trust = trusting(own.ours, own=own.theirs.station("CP1"))
        assert await entered(stage, trust) == 101
        own.theirs.file.write_bytes(own.stranger.file.read_bytes())
        await stage.certificates.look()
        await stage.certificates.look()
        assert await entered(stage, trust) == 0
        assert await entered(stage, trusting(own.ours, own=own.stranger.station("CP1"))) == 101

    played(engine, play, files=own.files())


def test_the_files_are_looked_at_by_themselves(engine: str, tmp_path: Path) -> None:
    own = Papers(tmp_path)

    async def play(stage: Scene) -> None:
        assert stage.certificates is not None
        watching = asyncio.create_task(stage.certificates.watch(every_s=0.02))
        before = stage.certificates.identity
        own.ours.server(file="server", ends=timedelta(days=1))
        await until(lambda: stage.certificates is not None and stage.certificates.identity is not before)
        watching.cancel()

    played(engine, play, files=own.files())

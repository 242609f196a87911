"""The doctor names what is wrong, finds nothing where nothing is, and changes nothing."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sqlite3
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path

import msgspec
import psycopg
import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from elstrada.cli import root
from elstrada.config import Config, load
from elstrada.model.facts import StationConnected
from elstrada.model.ids import PartyId
from elstrada.model.node import Part
from elstrada.model.party import Peer, PeerState
from elstrada.net.clock import SystemClock
from elstrada.roles.doctor.case import Case, Finding, Level, Machine
from elstrada.roles.doctor.machine import examine_disk, examine_versions, this_machine
from elstrada.roles.doctor.messaging import examine_nats
from elstrada.roles.doctor.partners import examine_partners
from elstrada.roles.doctor.ports import examine_ports
from elstrada.roles.doctor.postgres import examine_version
from elstrada.roles.doctor.settings import examine_settings
from elstrada.roles.doctor.store import examine_store
from elstrada.roles.doctor.whole import examine
from elstrada.roles.keys import keys_for
from elstrada.spine import tables as t
from elstrada.spine.face import Advance, Append, Put, Work
from elstrada.spine.postgres import PostgresSpine
from elstrada.spine.sqlite import SqliteSpine
from nats_server import nats_server
from postgres_server import PostgresServer, fresh_database, migrated_database
from sqlite_file import migrated_file

ELS = PartyId("SE", "ELS")


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A data directory of the test's own, and no settings from outside."""
    for name in [name for name in os.environ if name.upper().startswith("ELSTRADA_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELSTRADA_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def _config(**settings: str) -> Config:
    ports = {"health.port": "0", "stations.port": "0", "http.port": "0", "public_url": "https://example.org"}
    return load(ports | {name.replace("__", "."): text for name, text in settings.items()}).config


def _case(config: Config | None = None, **machine: object) -> Case:
    given = msgspec.structs.replace(this_machine(), **machine)
    return Case(config=config or _config(), machine=given)


def _bad(found: Iterator[Finding]) -> list[tuple[Level, str]]:
    return [(one.level, f"{one.area}: {one.says}") for one in found if one.level is not Level.FINE]


async def _installed(home: Path) -> None:
    """What a server leaves behind: keys, a party, a fact that every follower has seen."""
    spine = SqliteSpine(migrated_file(home / "elstrada.db"), SystemClock())
    await spine.start()
    await keys_for(spine, home / "keys.json")
    await spine.commit(Work(writes=(Put(t.party, {"party": str(ELS), "document": "{}"}),)))
    hello = StationConnected("ocpp1.6", "c1")
    end = await spine.commit(Work(appends=(Append("station/SE*ELS/CP1", 0, (hello,)),)))
    for follower in ("rater", "biller", "cashier", "meterer", "roamer"):
        await spine.commit(Work(advance=Advance(follower, end)))
    await spine.close()


@pytest.fixture
def installed(home: Path) -> Path:
    home.mkdir(mode=0o700)
    asyncio.run(_installed(home))
    return home


def test_nothing_is_wrong_with_an_installation_that_is_as_it_should_be(installed: Path) -> None:
    before = {path.name: path.read_bytes() for path in installed.iterdir()}
    config = _config()
    found = list(examine(config, this_machine()))
    assert _bad(iter(found)) == []
    areas = {finding.area for finding in found}
    assert {
        "python",
        "sqlite",
        "time zones",
        "config",
        "files",
        "disk",
        "database",
        "followers",
        "open files",
    } <= areas
    after = {
        path.name: path.read_bytes()
        for path in installed.iterdir()
        if path.suffix not in (".db-wal", ".db-shm")
    }
    assert {name: raw for name, raw in after.items() if name in before} == before


# --- the command ------------------------------------------------------------------------------------


def _run(*arguments: str) -> Result:
    ports = [part for name in ("health", "stations", "http") for part in ("--set", f"{name}.port=0")]
    result = CliRunner().invoke(root, (*ports, "--set", "public_url=https://example.org", *arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_exit_codes_and_documents(installed: Path) -> None:
    assert _run("doctor").exit_code == 0
    warned = _run("--set", "outbound.http=true", "doctor", "--json")
    assert warned.exit_code == 1
    [said] = [one for one in json.loads(warned.stdout) if one["level"] != "fine"]
    assert (said["level"], said["area"]) == ("warning", "config")
    installed.joinpath("keys.json").chmod(0o644)
    broken = _run("doctor")
    assert broken.exit_code == 2
    assert "keys.json has mode 644: others can read the keys. Chmod 600" in broken.stdout


def test_a_configuration_that_cannot_be_used_is_the_first_thing_said() -> None:
    result = _run("--set", "htp.port=1", "doctor")
    assert result.exit_code == 2
    assert "did you mean http.port?" in result.stdout


def test_no_secret_is_shown(installed: Path) -> None:
    """T15."""
    result = _run(
        "--set", "database.url=postgresql://u:c0ffee-secret@127.0.0.1:1/db",
        "--set", "nats.url=nats://c0ffee-token@127.0.0.1:1",
        "doctor",
    )  # fmt: skip
    assert result.exit_code == 2
    assert "127.0.0.1:1" in result.stdout
    assert "c0ffee" not in result.output


# --- the machine ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("machine", "level", "says"),
    [
        ({"python": (3, 10, 1)}, Level.PROBLEM, "3.11 is the oldest"),
        ({"sqlite": (3, 37, 2)}, Level.PROBLEM, "3.38 is the oldest"),
        ({"sqlite": (3, 51, 2)}, Level.FINE, "before 3.51.3 can spoil a database that two programs write to"),
        ({"sqlite": (3, 51, 3)}, Level.FINE, "it is 3.51.3"),
    ],
)
def test_versions(machine: dict[str, object], level: Level, says: str) -> None:
    """Decision 8 of the reference."""
    found = [one for one in examine_versions(_case(**machine)) if says in one.says]
    assert [one.level for one in found] == [level]


def test_fewer_open_files_than_stations_is_a_problem(installed: Path) -> None:
    with closing(sqlite3.connect(installed / "elstrada.db")) as connection:
        for number in range(600):
            connection.execute(
                "INSERT INTO station (owner, station_id, document, changed_at) VALUES ('SE*ELS', ?, '{}', '2026')",
                (f"S{number}",),
            )
        connection.commit()
    assert _bad(examine_store(_case(open_files=1024))) == [
        (Level.PROBLEM, "open files: a server may open 1024 files, and there are 600 stations")
    ]
    assert _bad(examine_store(_case(open_files=1100))) == []


def test_a_full_disk_is_a_problem_and_one_of_elsewhere_too() -> None:
    """F6, on the disks that this machine has: /proc is one without room."""
    [(level, says), *_] = _bad(examine_disk(_case(_config(data_dir="/proc/none"))))
    assert (level, says.partition(" ")[0]) == (Level.PROBLEM, "disk:")
    assert "0 MiB of 0 are free" in says


def test_a_port_that_somebody_else_has_is_a_problem_and_one_of_ours_is_not() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        [(level, says)] = _bad(examine_ports(_case(_config(stations__port=str(port)))))
    assert level is Level.PROBLEM
    assert f"stations: 127.0.0.1:{port} cannot be had: Address already in use" in says
    with _serving(b'{"name": "elstrada"}') as port:
        assert _bad(examine_ports(_case(_config(health__port=str(port))))) == []
    with _serving(b"<html>another program's page") as port:
        assert len(_bad(examine_ports(_case(_config(health__port=str(port)))))) == 1


def test_what_others_can_reach_is_a_warning() -> None:
    doors = examine_settings(_case(_config(http__host="0.0.0.0", health__host="0.0.0.0")))
    assert [level for level, _ in _bad(doors)] == [Level.WARNING, Level.WARNING]
    plain = examine_settings(_case(_config(public_url="http://example.org")))
    assert "tokens travel readable" in _bad(plain)[0][1]


# --- the database -----------------------------------------------------------------------------------


def test_other_keys_than_the_databases_are_a_problem(installed: Path) -> None:
    keys = {name: os.urandom(32).hex() for name in ("pepper", "pseudonym", "sealing")}
    (installed / "keys.json").write_text(json.dumps(keys))
    assert "holds other keys than those this database was made with" in _bad(examine_store(_case()))[0][1]


def test_a_follower_that_is_behind_is_named(installed: Path) -> None:
    """F17."""
    with closing(sqlite3.connect(installed / "elstrada.db")) as connection:
        connection.execute("UPDATE cursor SET position = 0 WHERE follower = 'rater'")
        connection.commit()
    now = datetime.now(UTC)
    assert _bad(examine_store(_case(now=now))) == []
    for later, level in [(timedelta(minutes=5), Level.WARNING), (timedelta(hours=1), Level.PROBLEM)]:
        [(found, says)] = _bad(examine_store(_case(now=now + later)))
        assert (found, says.partition(",")[0]) == (level, "followers: 1 facts wait for rater")


def test_a_clock_that_was_set_back_is_a_problem(installed: Path) -> None:
    """F12."""
    [(level, says)] = _bad(examine_store(_case(now=datetime.now(UTC) - timedelta(hours=2))))
    assert (level, says[:5]) == (Level.PROBLEM, "clock")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("UPDATE alembic_version SET version_num = '0003'", "it lacks the revisions 0004"),
        ("UPDATE alembic_version SET version_num = '9999'", "revision 9999 is not one this version knows"),
        ("DELETE FROM party", "there is no party to act for"),
        ("PRAGMA journal_mode = DELETE", "its journal mode is delete"),
        (
            "INSERT INTO finding VALUES ('follower:rater', 'poison', 1, 'position 7', '2026', '2026')",
            "follower:rater stopped once, at position 7",
        ),
    ],
)
def test_what_the_database_tells_is_passed_on(installed: Path, change: str, says: str) -> None:
    with closing(sqlite3.connect(installed / "elstrada.db", isolation_level=None)) as connection:
        connection.execute(change).fetchall()
    assert says in _bad(examine_store(_case()))[0][1]


def test_a_file_that_is_no_database_is_a_problem(home: Path) -> None:
    home.mkdir()
    (home / "elstrada.db").write_text("a text" * 1000)
    assert "file is not a database" in _bad(examine_store(_case()))[0][1]


def test_a_postgresql_that_would_lose_what_was_acknowledged_is_a_problem(home: Path) -> None:
    """P1: section 5.2 of the reference."""
    server = PostgresServer(
        {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "data_sync_retry": "on"}
    )
    try:
        server.start()
        with fresh_database(server) as name:
            found = _bad(examine_store(_case(_config(database__url=server.url(name)))))
        says = "\n".join(says for level, says in found if level is Level.PROBLEM)
        for setting in (
            "fsync is off",
            "full_page_writes is off",
            "synchronous_commit is off",
            "data_sync_retry is on",
        ):
            assert setting in says
        assert "it lacks the revisions 0001" in says
    finally:
        server.remove()


def test_archived_months_must_be_where_this_node_looks_for_them(home: Path, tmp_path: Path) -> None:
    with migrated_database() as url, psycopg.connect(url, autocommit=True) as connection:

        def said(**settings: str) -> list[str]:
            config = _config(database__url=url, **settings)
            return [one.line() for one in examine_store(_case(config)) if one.area == "archive"]

        assert said() == []
        connection.execute(
            "INSERT INTO archived_month VALUES (0, 313, 'one.parquet', 4, '', '', 1, 1, 1, now()),"
            " (1, 313, 'two.parquet', 4, '', '', 1, 1, 1, now())"
        )
        assert "2 months of the log are archived, and archive.dir is not set" in said()[0]
        (tmp_path / "one.parquet").write_bytes(b"four")
        (tmp_path / "two.parquet").write_bytes(b"three")
        (only,) = said(archive__dir=str(tmp_path))
        assert f"{tmp_path}/two.parquet has 5 bytes, and 4 were written" in only
        (tmp_path / "two.parquet").unlink()
        (only,) = said(archive__dir=str(tmp_path))
        assert only.startswith("problem")
        assert "two.parquet cannot be read: No such file" in only
        (tmp_path / "two.parquet").write_bytes(b"four")
        assert said(archive__dir=str(tmp_path)) == [f"fine     archive: 2 archived months are in {tmp_path}."]


def test_a_postgresql_and_its_nodes(home: Path) -> None:
    with migrated_database() as url:
        config = _config(database__url=url)

        async def say(*nodes: tuple[str, str, timedelta, str]) -> None:
            spine = PostgresSpine(url, SystemClock())
            await spine.start()
            for name, roles, ago, version in nodes:
                at = datetime.now(UTC) - ago
                row = {
                    "id": name,
                    "roles": roles,
                    "started_at": at,
                    "seen_at": at,
                    "version": version,
                    "address": "",
                }
                await spine.commit(Work(writes=(Put(t.node, row),)))
            await spine.close()

        def nodes() -> list[str]:
            return [says for _, says in _bad(examine_store(_case(config))) if says.startswith("nodes: ")]

        assert nodes() == ["nodes: none is running"]
        rest = ",".join(part for part in Part if part is not Part.RATER)
        long_ago = timedelta(minutes=5)
        asyncio.run(
            say(
                ("a", rest, timedelta(0), "1"),
                ("b", "rater", long_ago, "1"),
                ("c", "pages", timedelta(0), "2"),
            )
        )
        assert [says.partition(" at ")[0] for says in nodes()] == [
            "nodes: b was last seen",
            "nodes: no running node has the role rater",
            "nodes: they are of the versions 1, 2",
        ]
        assert not any("clock" in says for _, says in _bad(examine_store(_case(config))))


# --- NATS and partners ------------------------------------------------------------------------------


def test_nats_is_there_with_jetstream_or_is_missed(tmp_path: Path) -> None:
    def found(url: str) -> list[tuple[Level, str]]:
        return _bad(examine_nats(_case(_config(database__url="postgresql://h/d", nats__url=url))))

    def started(folder: str, **how: bool) -> list[tuple[Level, str]]:
        (tmp_path / folder).mkdir()
        with nats_server(tmp_path / folder, **how) as server:
            asyncio.run(server.start())
            return found(server.url)

    assert started("with") == []
    assert "JetStream cannot be used" in started("without", jetstream=False)[0][1]
    assert "cannot be reached" in found("nats://127.0.0.1:1")[0][1]
    assert list(examine_nats(_case())) == []


def test_a_partners_clock_and_certificate_are_looked_at(installed: Path) -> None:
    trust, context = _certificate(timedelta(days=3), installed)
    date = "Sun, 01 Mar 2026 12:00:00 GMT"
    with _serving(b"[]", context, date) as port:
        _add_peer(installed, f"https://127.0.0.1:{port}/versions")
        local = _config(outbound__networks='["127.0.0.0/8"]')
        says = "\n".join(says for _, says in _bad(examine_partners(_case(local), trust)))
        guarded = _bad(examine_partners(_case(), trust))
        unknown = _bad(examine_partners(_case(local)))
    assert "its certificate ends on" in says
    assert "its clock differs by" in says
    assert "not a public address" in guarded[0][1], "T16: the egress rules hold for the doctor too"
    assert "CERTIFICATE_VERIFY_FAILED" in unknown[0][1]


def test_a_partner_that_is_well_is_fine(installed: Path) -> None:
    trust, context = _certificate(timedelta(days=90), installed)
    with _serving(b"[]", context) as port:
        _add_peer(installed, f"https://127.0.0.1:{port}/versions")
        found = list(examine_partners(_case(_config(outbound__networks='["127.0.0.0/8"]')), trust))
    assert [(one.level, one.says) for one in found] == [(Level.FINE, "p of SE*ELS answers")]


def _add_peer(home: Path, url: str) -> None:
    peer = Peer(owner=ELS, id="p", state=PeerState.ACTIVE, versions_url=url, changed_at=datetime.now(UTC))
    row = ("SE*ELS", "p", "ACTIVE", msgspec.json.encode(peer).decode(), "2026")
    with closing(sqlite3.connect(home / "elstrada.db")) as connection:
        connection.execute(
            "INSERT INTO peer (owner, peer_id, state, document, changed_at) VALUES (?, ?, ?, ?, ?)", row
        )
        connection.commit()


def _certificate(lasts: timedelta, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Who trusts it, and who shows it."""
    key, name = (
        ec.generate_private_key(ec.SECP256R1()),
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "p")]),
    )
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + lasts)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    both = folder / "partner.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    shows = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shows.load_cert_chain(both)
    return ssl.create_default_context(cafile=str(both)), shows


@contextmanager
def _serving(body: bytes, context: ssl.SSLContext | None = None, date: str | None = None) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def date_time_string(self, timestamp: float | None = None) -> str:
            return date or super().date_time_string(timestamp)

        log_message: Callable[..., None] = lambda *_: None

    server = HTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_machine_is_this_one() -> None:
    machine = this_machine()
    assert isinstance(machine, Machine)
    assert abs(machine.now - datetime.now(UTC)) < timedelta(seconds=5)
    assert machine.sqlite == sqlite3.sqlite_version_info


@pytest.mark.parametrize(
    ("name", "number", "level"),
    [
        ("14.19", 140019, Level.PROBLEM),
        ("15.0", 150000, Level.WARNING),
        ("16.10", 160010, Level.WARNING),
        ("17.0", 170000, Level.FINE),
        ("18.1", 180001, Level.FINE),
    ],
)
def test_a_postgresql_without_transaction_timeout_is_warned_of_f11(
    name: str, number: int, level: Level
) -> None:
    found = examine_version(name, number)
    assert (found.level, name in found.says) == (level, True)
    assert ("transaction_timeout" in found.says) == (level is Level.WARNING)

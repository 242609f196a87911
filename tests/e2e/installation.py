"""An installation as an operator has it: a folder, a configuration file, a serving process, commands."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlite_file import migrated_file

PATIENCE_S = 120.0
"""For anything that takes a second on an idle machine."""
EXECUTABLE = Path(sys.executable).with_name("elstrada")

Json = Any


@dataclass(frozen=True)
class Party:
    id: str
    role: str
    name: str
    currency: str = "SEK"


CPO = Party("SE*ELS", "CPO", "Elstrada Laddning")
EMSP = Party("SE*RET", "EMSP", "Retail El")


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Json:
        """What it wrote: the document, or the refusal."""
        return json.loads(self.stdout if self.code == 0 else self.stderr)


class Nursery:
    """Forks commands from a process that has imported everything (nursery.py)."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("nursery.py")
        self._process = subprocess.Popen(
            [sys.executable, script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        self._turn = threading.Lock()

    def begin(self, argv: Sequence[str], stdin: Path, stdout: Path, stderr: Path) -> int:
        """Start a command; returns its process id."""
        return self._ask({"argv": list(argv), "streams": [str(stdin), str(stdout), str(stderr)]})

    def wait(self, pid: int) -> int:
        """Wait for its end; returns its exit code, negative for a signal."""
        return self._ask({"wait": pid})

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE_S)

    def _ask(self, wish: Json) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._turn:
            self._process.stdin.write(json.dumps(wish) + "\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())


class Installed:
    """Starts the installed command itself, imports and all."""

    def __init__(self) -> None:
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def begin(self, argv: Sequence[str], stdin: Path, stdout: Path, stderr: Path) -> int:
        with stdin.open("rb") as reads, stdout.open("ab") as writes, stderr.open("ab") as complains:
            process = subprocess.Popen(
                [EXECUTABLE, *argv], stdin=reads, stdout=writes, stderr=complains, env=environment()
            )
        self._processes[process.pid] = process
        return process.pid

    def wait(self, pid: int) -> int:
        return self._processes.pop(pid).wait(PATIENCE_S)


@dataclass
class Installation:
    """One data folder, the server on it and the commands for it."""

    folder: Path
    nursery: Nursery
    parties: tuple[Party, ...] = (CPO, EMSP)
    settings: tuple[str, ...] = ()
    """More lines of the configuration's head."""
    http_port: int = 0
    stations_port: int = 0
    starter: Nursery | Installed | None = None
    """Begins its servers; the nursery, if nothing else is said."""
    http_url: str = ""
    stations_url: str = ""
    """Up to and with the slash before the station's identity."""
    health_url: str = ""
    pid: int | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log.touch()
        self.starter = self.starter or self.nursery
        if self.starter is self.nursery and not any(
            line.startswith("database.url") for line in self.settings
        ):
            self.data.mkdir(mode=0o700, exist_ok=True)
            migrated_file(self.data / "elstrada.db")
        sections = [
            f'data_dir = "{self.data}"',
            f"http.port = {self.http_port}",
            f"stations.port = {self.stations_port}",
            "health.port = 0",
            'outbound = { http = true, networks = ["127.0.0.0/8"] }',
            *self.settings,
            *(_section(party) for party in self.parties),
        ]
        self.config.write_text("\n".join(sections))

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def config(self) -> Path:
        return self.folder / "elstrada.toml"

    @property
    def log(self) -> Path:
        """What the server wrote on standard error, over all its lives."""
        return self.folder / "server.log"

    # --- the server ---------------------------------------------------------------------------------

    def start(self, *arguments: str) -> None:
        """Serve, and wait until the addresses stand on standard output."""
        told = self.folder / "server.out"
        told.write_text("")
        argv = ["--config", str(self.config), "serve", *arguments]
        self.pid = self.starter.begin(argv, Path(os.devnull), told, self.log)
        wait_for(lambda: "/readyz\n" in told.read_text(), "the server's addresses", every_s=0.005)
        addresses = dict(line.split(maxsplit=1) for line in told.read_text().splitlines())
        self.http_url = addresses.get("pages", "").rstrip("/")
        self.stations_url = addresses.get("stations", "").removesuffix("<station id>")
        self.health_url = addresses["health"].removesuffix("/readyz")

    def stop(self) -> int:
        """Ctrl-C. Returns the exit code."""
        return self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it as a power cut would: nothing is said, nothing is finished."""
        assert self._end(signal.SIGKILL) == -signal.SIGKILL

    def memory_kib(self) -> int:
        """Of the serving process, resident."""
        text = Path(f"/proc/{self.pid}/status").read_text()
        return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmRSS"))

    def rows(self, query: str, *values: object) -> list[Json]:
        """Rows of the store as it is on the disk, each a dictionary."""
        with contextlib.closing(sqlite3.connect(f"file:{self.data}/elstrada.db?mode=ro", uri=True)) as store:
            store.row_factory = sqlite3.Row
            return [dict(row) for row in store.execute(query, values)]

    def _end(self, number: signal.Signals) -> int:
        assert self.pid is not None, "it serves"
        os.kill(self.pid, number)
        pid, self.pid = self.pid, None
        return self.starter.wait(pid)

    # --- commands -----------------------------------------------------------------------------------

    def run(self, *arguments: str, stdin: str = "") -> Outcome:
        """Run a command of this installation, in a process of its own."""
        given, told, complained = (self.folder / name for name in ("stdin", "stdout", "stderr"))
        given.write_text(stdin)
        told.write_text("")
        complained.write_text("")
        pid = self.nursery.begin(["--config", str(self.config), *arguments], given, told, complained)
        return Outcome(self.nursery.wait(pid), told.read_text(), complained.read_text())

    def told(self, *arguments: str, stdin: str = "") -> Json:
        """The JSON document that a command answers with."""
        outcome = self.run(*arguments, "--json", stdin=stdin)
        assert outcome.code == 0, f"{arguments} ended with {outcome.code}: {outcome.stderr}"
        return outcome.json

    def done(self, verb: str, **params: Json) -> Json:
        """The same verb over HTTP, for set-ups of a hundred of them."""
        status, body = self.ask(verb, **params)
        assert status == 200, f"{verb}: {status} {body!r}"
        return json.loads(body)

    def ask(self, verb: str, **params: Json) -> tuple[int, bytes]:
        """The same, whatever it comes to."""
        server = json.loads((self.data / "server.json").read_bytes())
        headers = {"authorization": f"Bearer {server['secret']}"}
        path = f"/api/v1/desk/{verb.replace(' ', '-')}"
        return self.http("POST", path, headers, json.dumps(params).encode())

    def health(self, path: str) -> tuple[int, bytes]:
        """What the health listener says."""
        connection = http.client.HTTPConnection(self.health_url.removeprefix("http://"), timeout=PATIENCE_S)
        with contextlib.closing(connection):
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()

    def http(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> tuple[int, bytes]:
        """A request to the server, whatever it answers."""
        connection = http.client.HTTPConnection(self.http_url.removeprefix("http://"), timeout=PATIENCE_S)
        with contextlib.closing(connection):
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.read()


def _section(party: Party) -> str:
    return (
        f'[[parties]]\nid = "{party.id}"\nroles = ["{party.role}"]\n'
        f'name = "{party.name}"\ncurrency = "{party.currency}"'
    )


@contextlib.contextmanager
def serving(installation: Installation) -> Iterator[Installation]:
    """Serve until the block ends, then demand that Ctrl-C ends it well and leaves nothing behind."""
    installation.start()
    try:
        yield installation
    except BaseException:
        if installation.pid is not None:
            installation.kill()
        raise
    if installation.pid is not None:
        assert installation.stop() == 0, installation.log.read_text()[-2000:]
        assert not (installation.data / "server.json").exists()
        assert sorted(path.name for path in installation.data.iterdir()) == LEFT


LEFT = ["elstrada.db", "elstrada.db.lock", "keys.json", "node", "wire"]
"""All that a server leaves in its folder."""


def environment() -> dict[str, str]:
    """Ours, without settings that would reach the installation."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith("ELSTRADA_")}


def free_port() -> int:
    """A port that is free and that the system hands to nobody: an address must outlive its server.

    A client that calls a port of the ephemeral range while nobody listens there may meet itself.
    """
    while True:
        port = random.randint(10_000, 30_000)
        with socket.socket() as trial, contextlib.suppress(OSError):
            trial.bind(("127.0.0.1", port))
            return port


def wait_for(holds: Any, what: str, *, within_s: float = PATIENCE_S, every_s: float = 0.1) -> Any:
    """Wait until ``holds()`` is true, and return what it gave."""
    deadline = time.monotonic() + within_s
    while not (found := holds()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {within_s} s in vain for {what}")
        time.sleep(every_s)
    return found


def bad_input_listed(home: Installation) -> int:
    """How much bad input was counted, as ``finding list`` says."""
    return sum(line["count"] for line in home.told("finding", "list", "--limit", "1000"))


def bad_input_shown(home: Installation) -> int:
    """The same, as the operator's page says."""
    status, page = home.http("GET", "/")
    found = re.search(r'id="strayed-title">What strayed <span class="count">([^<]*)', page.decode())
    assert status == 200
    assert found is not None
    return int(re.sub(r"\D", "", found[1]))

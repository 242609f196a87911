"""A real PostgreSQL for tests: a direct child of the test process, which can be killed and paused."""

from __future__ import annotations

import atexit
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from itertools import count
from pathlib import Path

from elstrada.sim import servers
from elstrada.spine.postgres_migrate import migrate_postgres
from memory_folder import memory_folder

_ANSWER_S = 5.0


class PostgresServer(servers.PostgresServer):
    """One server that can be killed and paused."""

    def kill9(self) -> None:
        """SIGKILL of the postmaster; its children notice and go (F3)."""
        self.end(signal.SIGKILL)

    def restart(self) -> None:
        """Fast shutdown and start."""
        self.stop()
        self.start()

    def answers(self) -> bool:
        """Does it take a connection and answer, by now?"""
        return self._answers(time.monotonic() + _ANSWER_S)

    def pause(self) -> None:
        """SIGSTOP everything: connections stay open and nobody answers (F4)."""
        os.kill(self.pid, signal.SIGSTOP)
        _tell(_children(self.pid), signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT everything."""
        _tell(_children(self.pid), signal.SIGCONT)
        os.kill(self.pid, signal.SIGCONT)

    def remove(self) -> None:
        """Stop, paused or not, and delete the data."""
        if self._process is not None:
            self.resume()
        super().remove()


def _tell(processes: list[int], what: signal.Signals) -> None:
    for process in processes:
        with suppress(ProcessLookupError):  # A backend ends when its client does.
            os.kill(process, what)


def _children(parent: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


@cache
def shared_server() -> PostgresServer:
    """One server for all tests of this process that do not harm it.

    It does not sync and stands in memory where there is room: none of these tests cuts the power, and
    each wants a new database, which takes 30 ms this way instead of 300.
    """
    server = PostgresServer({"fsync": "off", "full_page_writes": "off"}, memory_folder())
    server.start()
    atexit.register(server.remove)
    return server


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
def migrated_database(server: PostgresServer | None = None, *, shards: int = 4) -> Iterator[str]:
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

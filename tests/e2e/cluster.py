"""An installation of several nodes: processes of ``elstrada serve`` on one PostgreSQL and one NATS."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from installation import Installation, Json, Nursery, free_port
from psycopg.rows import dict_row

from nats_server import NatsServer, nats_server
from postgres_server import PostgresServer, migrated_database, shared_server

REST = "roamer,rater,biller,pages"


@dataclass
class Node(Installation):
    """One node; the store that its commands and questions go to is the one PostgreSQL."""

    database_url: str = ""
    roles: str = ""

    def rows(self, query: str, *values: object) -> list[Json]:
        with psycopg.connect(self.database_url, row_factory=dict_row) as connection:
            return list(connection.execute(query.replace("?", "%s"), values or None))

    def up(self) -> None:
        """Serve its roles."""
        self.start("--roles", self.roles)

    def down(self) -> None:
        """An orderly end."""
        assert self.stop() == 0, self.log.read_text()[-2000:]

    def crash(self) -> None:
        """SIGKILL, and another life."""
        self.kill()
        self.up()

    def ready(self) -> bool:
        """What its /readyz says."""
        return self.health("/readyz")[0] == 200

    def pause(self) -> None:
        assert self.pid is not None
        os.kill(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.pid is not None
        os.kill(self.pid, signal.SIGCONT)


@dataclass
class Cluster:
    """Two gateways, and a node that does the rest."""

    nats: NatsServer
    database_url: str
    gateways: list[Node]
    rest: Node
    others: list[Node]
    another: Callable[[str, str], Node]
    """Makes one more node, by its name and roles."""

    @property
    def nodes(self) -> list[Node]:
        return [self.rest, *self.gateways, *self.others]

    @property
    def doors(self) -> list[str]:
        """Where stations knock."""
        return [gateway.stations_url for gateway in self.gateways]


@contextlib.contextmanager
def cluster(
    folder: Path,
    nursery: Nursery,
    *settings: str,
    server: PostgresServer | None = None,
    database_port: int | None = None,
) -> Iterator[Cluster]:
    """Nodes that are made and not started; whoever still runs at the end is killed.

    Args:
        database_port: of a line to the server, which nodes shall use in place of its own port.
    """
    with contextlib.ExitStack() as stack:
        server = server or shared_server()
        url = stack.enter_context(migrated_database(server))
        line = url.replace(f":{server.port}/", f":{database_port or server.port}/")
        nats = stack.enter_context(nats_server(folder))
        nats.start_now()

        def node(name: str, roles: str) -> Node:
            lines = (
                f'node = "{name}"',
                f'database.url = "{line}"',
                f'nats.url = "{nats.url}"',
                f'keys_file = "{folder}/keys.json"',
                'log.format = "json"',
                *settings,
            )
            made = Node(
                folder / name,
                nursery,
                settings=lines,
                http_port=free_port(),
                stations_port=free_port(),
                database_url=url,
                roles=roles,
            )
            stack.callback(_ended, made)
            return made

        gateways = [node("gate-1", "gateway"), node("gate-2", "gateway")]
        yield Cluster(nats, url, gateways, node("rest", REST), [], node)


def _ended(node: Node) -> None:
    if node.pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(node.pid, signal.SIGCONT)
        node.kill()

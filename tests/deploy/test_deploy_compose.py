"""The compose file is valid, its nodes' settings exist, and its balancer does what a drain needs."""

from __future__ import annotations

import http.server
import json
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from built import DEPLOY, asked, config_problems, free_port

from elstrada.sim.servers import nats_binary

FILE = DEPLOY / "compose.yaml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "elstrada" in service["image"]}


def test_it_is_a_compose_file() -> None:
    schema = pytest.importorskip(
        "compose_spec", reason="compose-spec is not installed: the schema is not checked"
    )
    # As compose reads it: mappings merged, and the variable at its default.
    text = json.dumps(COMPOSE).replace("${ELSTRADA_IMAGE:-elstrada:latest}", "elstrada:latest")
    assert set(schema.PyCompose.from_json(text).service_names()) == SERVICES.keys()
    with pytest.raises(ValueError, match="perhaps"):
        schema.PyCompose.from_json(text.replace('"unless-stopped"', '"perhaps"'))


def test_every_name_that_is_used_is_declared_and_every_file_is_there() -> None:
    for name, service in SERVICES.items():
        assert set(service.get("networks", [])) <= COMPOSE["networks"].keys(), name
        assert set(service.get("secrets", [])) <= COMPOSE["secrets"].keys(), name
        assert {one["source"] for one in service.get("configs", [])} <= COMPOSE["configs"].keys(), name
        assert set(service.get("depends_on", {})) <= SERVICES.keys(), name
        for volume in service.get("volumes", []):
            assert volume.partition(":")[0] in COMPOSE["volumes"], name
    for config in COMPOSE["configs"].values():
        assert (DEPLOY / config["file"]).is_file()
    for secret in COMPOSE["secrets"].values():
        assert secret["file"].startswith("./secrets/"), "a secret that is not in a file would be in this one"


def test_our_nodes_may_do_nothing_that_they_need_not() -> None:
    assert OURS.keys() == {"migrate", "gateway-1", "gateway-2", "rest"}
    for service in OURS.values():
        assert service["read_only"] is True
        assert service["user"] == "10001:10001"
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert not service.get("ports"), "only the balancer is open to the outside"
    assert COMPOSE["networks"]["inside"]["internal"] is True
    for name in ("postgres", "nats", "migrate"):
        assert SERVICES[name]["networks"] == ["inside"]


def test_every_service_that_stays_is_watched_and_started_again() -> None:
    for name, service in SERVICES.items():
        if name != "migrate":
            assert service["restart"] == "unless-stopped"
            assert service["healthcheck"]["test"][0] == "CMD", f"{name}: no shell"
    for name, service in OURS.items():
        if name != "migrate":
            assert service["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
            assert float(service["stop_grace_period"].rstrip("s")) >= 5 + 10_000 / 300 + 2 * 10 + 20


def test_together_the_nodes_have_every_role() -> None:
    roles = [_roles(service).split(",") for service in OURS.values() if "serve" in service["command"]]
    assert sorted(role for some in roles for role in some) == [
        "biller",
        "gateway",
        "gateway",
        "pages",
        "rater",
        "roamer",
    ]


@pytest.mark.parametrize("name", [*OURS])
def test_a_nodes_settings_are_ones_that_elstrada_knows(name: str, tmp_path: Path) -> None:
    secrets = {
        "database_url": "postgresql://elstrada:p@postgres/elstrada",
        "nats_url": "nats://u:p@nats:4222",
    }
    for secret, text in secrets.items():
        (tmp_path / secret).write_text(text)
    (tmp_path / "elstrada.toml").write_text((DEPLOY / "compose" / "elstrada.toml").read_text())
    environment = {
        key: re.sub(r"^/(run/secrets|etc/elstrada)", str(tmp_path), str(value))
        for key, value in SERVICES[name]["environment"].items()
    }
    if "serve" in SERVICES[name]["command"]:
        environment["ELSTRADA_ROLES"] = _roles(SERVICES[name])
    assert config_problems(environment) == ""
    assert environment["ELSTRADA_CONFIG"] == str(tmp_path / "elstrada.toml")


def _roles(service: dict[str, Any]) -> str:
    command = service["command"]
    assert command[:2] == ["serve", "--roles"]
    return command[2]


# --- what stands around them ------------------------------------------------------------------------


def test_nats_starts_with_its_file_and_lets_nobody_in_without_the_secret(tmp_path: Path) -> None:
    """`include` is looked for beside the file; the path leads to the secret all the same."""
    etc, run = tmp_path / "etc" / "nats", tmp_path / "run" / "secrets"
    etc.mkdir(parents=True)
    run.mkdir(parents=True)
    (run / "nats_authorization").write_text('authorization { user: "elstrada", password: "c0ffee" }\n')
    port, monitor = free_port(), free_port()
    text = (DEPLOY / "compose" / "nats.conf").read_text().replace("0.0.0.0:4222", f"127.0.0.1:{port}")
    text = text.replace("0.0.0.0:8222", f"127.0.0.1:{monitor}").replace('"/data"', f'"{tmp_path}/data"')
    (etc / "nats.conf").write_text(text)
    server = subprocess.Popen([nats_binary(), "--config", etc / "nats.conf"], stderr=subprocess.DEVNULL)
    try:
        _until(lambda: asked(monitor, "/healthz")[0] == 200)
        assert _nats_says(port, 'CONNECT {"user":"elstrada","pass":"c0ffee","verbose":true}') == "+OK"
        assert "Authorization Violation" in _nats_says(port, 'CONNECT {"verbose":true}')
        assert '"sync_always": true' in asked(monitor, "/jsz?config=true")[1]
    finally:
        server.terminate()
        server.wait(10)


def _nats_says(port: int, line: str) -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        reader = connection.makefile()
        reader.readline()
        connection.sendall(line.encode() + b"\r\n")
        return reader.readline().strip()


class _Gateway(threading.Thread):
    """Says at /readyz what it is told to, and its name to whoever opens a socket."""

    def __init__(self, name: str) -> None:
        super().__init__(daemon=True)
        self.label, self.status, self.sockets = name, 200, socket.create_server(("127.0.0.1", 0))
        gateway = self

        class Health(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(gateway.status if self.path == "/readyz" else 404)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.health = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Health)
        threading.Thread(target=self.health.serve_forever, args=(0.02,), daemon=True).start()
        self.start()

    def run(self) -> None:
        kept: list[socket.socket] = []
        try:
            while True:
                connection, _ = self.sockets.accept()
                connection.sendall(self.label.encode() + b"\n")
                kept.append(connection)
        except OSError:
            for connection in kept:
                connection.close()

    def end(self) -> None:
        self.sockets.shutdown(socket.SHUT_RDWR)
        self.sockets.close()
        self.health.shutdown()
        self.health.server_close()


@contextmanager
def _balanced(folder: Path, one: _Gateway, other: _Gateway) -> Generator[tuple[int, int], None, None]:
    """The balancer of the compose file, with these as its gateways; its ports for stations and health."""
    stations, pages, health = free_port(), free_port(), free_port()
    text = (DEPLOY / "compose" / "haproxy.cfg").read_text()
    for name, gateway in (("gateway-1", one), ("gateway-2", other)):
        at, asks = gateway.sockets.getsockname()[1], gateway.health.server_address[1]
        text = text.replace(f"{name}:9000 check", f"127.0.0.1:{at} check port {asks}")
    text = text.replace(
        "server rest rest:8000 check port 8001", f"server rest 127.0.0.1:1 check port {free_port()}"
    )
    text = text.replace("bind :9000", f"bind 127.0.0.1:{stations}").replace(
        "bind :8000", f"bind 127.0.0.1:{pages}"
    )
    text = text.replace("127.0.0.1:8404", f"127.0.0.1:{health}")
    text = re.sub(r"^(\s*)maxconn \d+$", r"\1maxconn 100", text, flags=re.MULTILINE)
    (folder / "haproxy.cfg").write_text(text)
    process = subprocess.Popen(["haproxy", "-f", folder / "haproxy.cfg", "-q"], stdout=subprocess.DEVNULL)
    try:
        yield stations, health
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.skipif(shutil.which("haproxy") is None, reason="haproxy is not installed")
def test_a_gateway_that_is_leaving_gets_no_new_station_and_keeps_those_it_has(tmp_path: Path) -> None:
    """F22: unready first; the sockets stay until the gateway itself closes them."""
    one, other = _Gateway("one"), _Gateway("other")
    try:
        with _balanced(tmp_path, one, other) as (stations, health):
            _until(lambda: asked(health, "/healthy")[0] == 200)
            first = [_arrive(stations) for _ in range(6)]
            assert {name for name, _ in first} == {"one", "other"}
            one.status = 503
            _until(lambda: {name for name, _ in (_arrive(stations) for _ in range(4))} == {"other"})
            for _, connection in first:
                connection.settimeout(0.2)
                with pytest.raises(TimeoutError):
                    connection.recv(1)  # Nothing came, and nothing was closed.
            other.status = 503
            _until(lambda: asked(health, "/healthy")[0] == 503)
    finally:
        one.end()
        other.end()


_kept: list[socket.socket] = []


def _arrive(port: int) -> tuple[str, socket.socket]:
    connection = socket.create_connection(("127.0.0.1", port), timeout=5)
    _kept.append(connection)
    return connection.makefile().readline().strip(), connection


def _until(holds: Any, timeout_s: float = 15.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.1)

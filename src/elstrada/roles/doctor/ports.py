"""The ports: free, or taken by our own server."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator

from elstrada.model.node import Part
from elstrada.roles.desk.server_file import find_server
from elstrada.roles.doctor.case import Case, Finding, fine, problem

AREA = "ports"
_PATIENCE_S = 2.0


def examine_ports(case: Case) -> Iterator[Finding]:
    """Each one that this node would listen on."""
    config = case.config
    ours = find_server(config.data_dir)
    wanted = [("health", config.health.host, config.health.port)]
    if Part.GATEWAY in config.parts:
        stations = config.stations
        if stations.plain:
            wanted.append(("stations", stations.host, stations.port))
        if stations.tls.certificate:
            wanted.append(("stations.tls", stations.host, stations.tls.port))
    if config.has_file_door and config.files.port is not None:
        wanted.append(("files", config.files.host, config.files.port))
    if {Part.PAGES, Part.ROAMER} & config.parts:
        wanted.append(("http", config.http.host, config.http.port))
    for name, host, port in wanted:
        if port != 0:
            yield _port(
                name,
                host,
                port,
                f"process {ours.pid}" if ours else _ours_at(config.health.host, config.health.port),
            )


def _port(name: str, host: str, port: int, ours: str) -> Finding:
    trouble = _taken(host, port)
    if not trouble:
        return fine(AREA, f"{name}: {host}:{port} is free")
    if ours:
        return fine(AREA, f"{name}: {host}:{port} is taken, and a server of ours runs ({ours})")
    return problem(
        AREA, f"{name}: {host}:{port} cannot be had: {trouble}", f"stop who has it, or set {name}.port"
    )


def _taken(host: str, port: int) -> str:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            # As servers do it: a port that was closed a moment ago is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as trouble:
        return trouble.strerror or str(trouble)
    return ""


def _ours_at(host: str, port: int) -> str:
    """What the health listener calls itself; empty when nobody or somebody else answers there."""
    asked = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  Where to look, not to listen.
    connection = http.client.HTTPConnection(asked, port, timeout=_PATIENCE_S)
    try:
        connection.request("GET", "/version")
        body = connection.getresponse().read(1000)
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()
    return f"its health listener answers at {asked}:{port}" if b'"elstrada"' in body else ""

"""The stations' TLS: can it serve, for how long, and who else can read its keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from elstrada.config import Config
from elstrada.model.node import Part
from elstrada.net.certificates import Identity, TlsFiles, TlsUnusable, read_identity
from elstrada.roles.doctor.case import Case, Finding, fine, problem, warning
from elstrada.roles.doctor.settings import is_loopback

AREA = "tls"


def examine_tls(case: Case) -> Iterator[Finding]:
    """Of a node that stations connect to."""
    config, tls = case.config, case.config.stations.tls
    if Part.GATEWAY not in config.parts:
        return
    yield from _plain(config)
    if not tls.certificate:
        return
    files = TlsFiles(certificates=tls.certificate, keys=tls.key, authorities=tls.client_ca)
    try:
        identity = read_identity(files)
    except TlsUnusable as unusable:
        for says in unusable.problems:
            yield problem(AREA, says, "see stations.tls in `elstrada config show`")
        return
    yield from _times(case, identity)
    for key in tls.key:
        yield from _readable(key)


def _plain(config: Config) -> Iterator[Finding]:
    stations = config.stations
    if not stations.plain or stations.tls_in_front or is_loopback(stations.host):
        return
    yield warning(
        AREA,
        f"stations may come without TLS to {stations.host}: their passwords travel readable",
        "set stations.tls.certificate and stations.plain = false, or stations.tls_in_front where a proxy"
        " of yours is all that reaches this door",
    )


def _times(case: Case, identity: Identity) -> Iterator[Finding]:
    now = case.machine.now
    for shown in (*identity.ours, *identity.authorities):
        doubt = shown.doubt(now)
        if doubt is None:
            yield fine(AREA, f"{shown.file}: {shown.subject}, {shown.kind}, until {shown.ends_at:%Y-%m-%d}")
        elif shown.begins_at <= now < shown.ends_at:
            yield warning(AREA, doubt, "renew it; a running server takes it up by itself")
        else:
            yield problem(AREA, doubt, "renew it; a running server takes it up by itself")


def _readable(key: Path) -> Iterator[Finding]:
    mode = key.stat().st_mode & 0o777
    if mode & 0o007:
        yield problem(AREA, f"{key} has mode {mode:o}: everybody can read the key", f"chmod o= {key}")

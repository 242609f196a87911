"""The stations' TLS: can it serve, for how long, and who else can read its keys."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from elstrada.config import Config
from elstrada.model.node import Part
from elstrada.net.certificates import Identity, TlsFiles, TlsUnusable, read_identity
from elstrada.roles import authority
from elstrada.roles.doctor.case import Case, Finding, fine, problem, warning
from elstrada.roles.doctor.settings import is_loopback
from elstrada.settings import AuthoritySection

AREA = "tls"


def examine_tls(case: Case) -> Iterator[Finding]:
    """Of a node that stations connect to."""
    config, tls = case.config, case.config.stations.tls
    if Part.GATEWAY not in config.parts:
        return
    yield from _plain(config)
    yield from _authorities(case)
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


def _authorities(case: Case) -> Iterator[Finding]:
    """Who signs what stations ask for."""
    stations = case.config.stations
    own, v2g = stations.authority, stations.v2g_authority
    yield from _authority(case, "stations.authority", own, opens_our_door=True)
    yield from _authority(case, "stations.v2g_authority", v2g, opens_our_door=v2g.combined)


def _authority(case: Case, name: str, told: AuthoritySection, *, opens_our_door: bool) -> Iterator[Finding]:
    tls = case.config.stations.tls
    if told.est is not None:
        if told.est.startswith("http:"):
            yield problem(AREA, f"{told.est}: an authority is asked in the clear", f"set {name}.est to https")
        return
    if told.folder is None:
        return
    key = told.folder / authority.KEY
    try:
        ours = authority.load_authority(told.folder)
        root = (told.folder / authority.CERTIFICATE).read_bytes()
    except (OSError, ValueError) as trouble:
        says = f"the authority in {told.folder} cannot be used: {trouble}"
        yield problem(AREA, says, f"see {name}.folder, and `elstrada ca make`")
        return
    yield from _readable(key)
    if tls.organization is not None and ours.organization != tls.organization:
        yield problem(
            AREA,
            f"the authority in {told.folder} signs for {ours.organization!r}, and stations must be of {tls.organization!r}",
            "make another authority, or change stations.tls.organization",
        )
    if opens_our_door and not any(_holds(file, root) for file in tls.client_ca):
        yield problem(
            AREA,
            f"no file of stations.tls.client_ca holds {told.folder / authority.CERTIFICATE}: what it signs opens no door",
            "name it there too",
        )
    whose = "as any station" if opens_our_door else "to cars as any station"
    yield warning(
        AREA,
        f"the key of the stations' authority is on this server, in {told.folder}: who breaks in can come {whose}",
        f"good for a laboratory; otherwise set {name}.est",
    )


def _holds(file: Path, certificate: bytes) -> bool:
    try:
        return certificate.strip() in file.read_bytes()
    except OSError:
        return False


def _times(case: Case, identity: Identity) -> Iterator[Finding]:
    now = case.machine.now
    for shown in (*identity.ours, *identity.authorities):
        doubt = shown.doubt(now, timedelta(days=case.config.stations.certificate_days))
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

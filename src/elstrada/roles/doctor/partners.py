"""Partners' platforms: do they answer, is their clock right, does their certificate last."""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import msgspec

from elstrada.model.http import Unreachable
from elstrada.model.party import Peer, PeerState
from elstrada.net.egress import EgressRules, check_addresses, check_url
from elstrada.roles.doctor.case import Case, Finding, fine, warning
from elstrada.roles.outbound import outbound_rules
from elstrada.roles.upkeep import database_of
from elstrada.spine.upkeep.database import Broken, CannotOpen, snapshot

AREA = "partners"
_PATIENCE_S = 5.0
_MOST = 200
_SOON = timedelta(days=14)
_SKEW = timedelta(seconds=60)


def examine_partners(case: Case, trust: ssl.SSLContext | None = None) -> Iterator[Finding]:
    """Ask each partner for its versions, without a token: the answer's date and certificate are enough."""
    config = case.config
    rules = outbound_rules(config)
    try:
        peers = _peers(case)
    except (CannotOpen, Broken):
        return  # Told where the database is examined.
    for peer in peers[:_MOST]:
        yield from _examine(peer, rules, trust or ssl.create_default_context(), case)
    if len(peers) > _MOST:
        yield warning(AREA, f"{len(peers) - _MOST} more partners were not asked")


def _peers(case: Case) -> list[Peer]:
    with snapshot(database_of(case.config)) as connection:
        rows = connection.exec_driver_sql("SELECT document FROM peer ORDER BY owner, peer_id").fetchall()
    peers = [msgspec.json.decode(str(document), type=Peer) for (document,) in rows]
    return [peer for peer in peers if peer.state is PeerState.ACTIVE and peer.versions_url]


def _examine(peer: Peer, rules: EgressRules, trust: ssl.SSLContext, case: Case) -> Iterator[Finding]:
    name, url = f"{peer.id} of {peer.owner}", peer.versions_url or ""
    try:
        date, expires = _asked(url, rules, trust)
    except (Unreachable, OSError, http.client.HTTPException) as trouble:
        yield warning(AREA, f"{name} does not answer: {trouble}")
        return
    if expires is not None and expires - case.machine.now < _SOON:
        told = f"{name}: its certificate ends on {expires:%Y-%m-%d}"
        yield warning(AREA, told, "let them know")
    skew = None if date is None else abs(date - datetime.now(UTC))
    if skew is not None and skew > _SKEW:
        yield warning(
            AREA, f"{name}: its clock differs by {skew.total_seconds():.0f} s from ours", "see which is right"
        )
    if not (expires is not None and expires - case.machine.now < _SOON) and (skew is None or skew <= _SKEW):
        yield fine(AREA, f"{name} answers")


def _asked(url: str, rules: EgressRules, trust: ssl.SSLContext) -> tuple[datetime | None, datetime | None]:
    """The answer's date, and until when the certificate is good; guarded as every request of ours (T16)."""
    check_url(url, rules)
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    addresses = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    check_addresses(host, addresses, rules)
    with socket.create_connection((addresses[0], port), timeout=_PATIENCE_S) as plain:
        if parts.scheme == "http":
            return _date(plain, host, parts.path), None
        with trust.wrap_socket(plain, server_hostname=host) as secured:
            certificate = secured.getpeercert() or {}
            until = (
                ssl.cert_time_to_seconds(str(certificate["notAfter"])) if "notAfter" in certificate else None
            )
            expires = None if until is None else datetime.fromtimestamp(until, UTC)
            return _date(secured, host, parts.path), expires


def _date(line: socket.socket, host: str, path: str) -> datetime | None:
    connection = http.client.HTTPConnection(host)
    connection.sock = line
    connection.request("GET", path or "/", headers={"connection": "close"})
    told = connection.getresponse().getheader("date")
    try:
        return None if told is None else parsedate_to_datetime(told).astimezone(UTC)
    except ValueError:
        return None

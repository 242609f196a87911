"""The metrics of a node's parts, each read from what the part counts anyway."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence

from prometheus_client.metrics_core import InfoMetricFamily, Metric

from elstrada import __version__
from elstrada.model.node import Part
from elstrada.net.certificates import Certificates
from elstrada.net.station_server import StationServer
from elstrada.roles.lags import Lags
from elstrada.roles.metrics.words import gauge, histogram, one, total
from elstrada.roles.node import Node
from elstrada.roles.readiness import Readiness
from elstrada.spine.clock import Clock
from elstrada.spine.tally import SECONDS, WriterTally


def of_node(node: Node, readiness: Readiness, loop_lag_s: Callable[[], float]) -> Iterable[Metric]:
    """Who this is, and how it is."""
    told = {
        "version": __version__,
        "node": node.hands.node,
        "roles": ",".join(sorted(node.parts)),
        "python": ".".join(map(str, sys.version_info[:3])),
    }
    yield InfoMetricFamily("elstrada_build", "What runs here.", value=told)
    yield gauge("ready", "1 if this node takes work.", one(not readiness.reasons()))
    yield gauge(
        "loop_lag_seconds",
        "By how much the event loop was late, at most since the last look.",
        one(loop_lag_s()),
    )
    held = {(name,): 1.0 for name in node.leader.held}
    yield gauge("lease_held", "1 for each piece of work that this node does for all.", held, ("lease",))
    yield total(
        "findings",
        "What strayed, by kind of source and code.",
        node.findings.noted,
        ("source", "code"),
    )


def of_spine(tallies: Callable[[], Sequence[WriterTally]]) -> Iterable[Metric]:
    """What the writers do."""
    now = [((str(tally.shard),), tally) for tally in tallies()]
    label = ("shard",)
    yield gauge(
        "writer_queue", "Works that wait for a commit.", {key: tally.waiting for key, tally in now}, label
    )
    yield total(
        "works",
        "Works committed or refused; per commit: how large batches are.",
        {key: tally.works for key, tally in now},
        label,
    )
    yield total(
        "works_failed",
        "Works answered with an error, a lost race included.",
        {key: tally.failed for key, tally in now},
        label,
    )
    counted = [(key, tally.batches, tally.seconds) for key, tally in now]
    yield histogram(
        "commit_seconds", "How long a group of works took to be durable.", SECONDS, counted, label
    )


def of_followers(lags: Lags, clock: Clock) -> Iterable[Metric]:
    """How far the followers that run here are behind."""
    label = ("follower", "shard")
    now = {(lag.following.name, str(lag.following.shard)): lag for lag in lags.now.values()}
    facts = {key: lag.facts for key, lag in now.items()}
    yield gauge("follower_lag_facts", "Facts that wait for a follower, counted up to 10000.", facts, label)
    seconds = {
        key: max((clock.now() - lag.oldest).total_seconds(), 0.0) if lag.oldest and lag.facts else 0.0
        for key, lag in now.items()
    }
    yield gauge("follower_lag_seconds", "Age of the oldest fact that waits for a follower.", seconds, label)
    stopped = {(one.name, str(one.shard)): float(one.progress.stopped is not None) for one in lags.node.led()}
    yield gauge("follower_stopped", "1 for a follower that met a fact it cannot handle.", stopped, label)


def of_gateway(node: Node, server: StationServer | None) -> Iterable[Metric]:
    """What comes over the stations' sockets."""
    if Part.GATEWAY not in node.parts:
        return
    tally = node.gateway.tally
    sockets = {(version,): count for version, count in node.gateway.sockets().items()}
    yield gauge("station_sockets", "Stations connected.", sockets, ("version",))
    profiles = {(str(profile),): count for profile, count in node.gateway.profiles().items()}
    yield gauge("station_profiles", "Stations connected, by security profile.", profiles, ("profile",))
    yield total("station_sockets_opened", "Stations' sockets opened.", one(tally.opened))
    closes = {(str(code) if code else "other",): count for code, count in tally.closes.items()}
    yield total("station_sockets_closed", "Stations' sockets closed, by close code.", closes, ("code",))
    knocks = server.refused if server is not None else dict[int, int]()
    refused = {(str(status),): count for status, count in knocks.items()}
    yield total("station_knocks_refused", "Knocks refused, by HTTP status.", refused, ("status",))
    failed = {(reason,): count for reason, count in server.unsecured.items()} if server is not None else {}
    yield total("station_tls_failed", "TLS handshakes of stations that failed, by why.", failed, ("reason",))
    yield total(
        "station_messages",
        "Calls of stations, by how they ended.",
        tally.messages,
        ("version", "action", "outcome"),
    )
    yield total("station_commands", "Commands to stations, by result.", tally.commands, ("command", "result"))


def of_certificates(certificates: Certificates | None) -> Iterable[Metric]:
    """Until when what stations are shown holds."""
    if certificates is None:
        return
    ends = {(shown.kind,): shown.ends_at.timestamp() for shown in certificates.identity.ours}
    yield gauge(
        "station_certificate_end_timestamp_seconds",
        "When the certificate that stations are shown ends, by the kind of its key.",
        ends,
        ("kind",),
    )


def of_stations_certificates(node: Node) -> Iterable[Metric]:
    """How it stands with the certificates that stations show, to us and to cars."""
    if Part.GATEWAY not in node.parts:
        return
    counts = {(state,): count for state, count in node.expiry.ending.items()}
    yield gauge(
        "stations_certificates",
        "Stations that come with a certificate: fine, ending soon (stations.certificate_days), or ended.",
        counts,
        ("state",),
    )
    for_cars = {(state,): count for state, count in node.expiry.ending_for_cars.items()}
    yield gauge(
        "stations_v2g_certificates",
        "Certificates of ours that stations show to cars: fine, ending soon, or ended.",
        for_cars,
        ("state",),
    )


def of_roaming(node: Node) -> Iterable[Metric]:
    """What is said between us and our peers."""
    tally = node.roaming.tally
    sent = {(*peer, outcome): count for (peer, outcome), count in tally.sent.items()}
    yield total(
        "ocpi_requests_sent", "OCPI requests to peers, by outcome.", sent, ("owner", "peer", "outcome")
    )
    yield total(
        "ocpi_requests_served", "OCPI requests of peers, by outcome.", tally.served, ("version", "outcome")
    )
    yield total(
        "hub_requests",
        "Requests of those behind a hub of ours, by what it decided and how it ended.",
        node.roaming.switch.journal.counted,
        ("hub", "decision", "outcome"),
    )
    failing = {(str(owner), peer): count for (owner, peer), count in node.roaming.courier.failing().items()}
    yield gauge(
        "peer_failures",
        "Failures in a row of a peer that is left alone for a while.",
        failing,
        ("owner", "peer"),
    )
    at = {peer: when.timestamp() for peer, when in tally.succeeded_at.items()}
    yield gauge(
        "peer_last_success_timestamp_seconds", "When a peer last did what we asked.", at, ("owner", "peer")
    )

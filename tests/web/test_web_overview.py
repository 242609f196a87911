"""The overview's view model: rows in, values out."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web_world import CPO, NOW

from elstrada.model.device import ConnectorStatus, EvsePlace
from elstrada.model.location import EvseStatus
from elstrada.model.node import NodeState
from elstrada.model.party import ConnectionStatus, PeerState
from elstrada.web.operator.nodes import SHOWN, Nodes
from elstrada.web.operator.overview import evse_counts, overview
from elstrada.web.operator.places import place_name
from elstrada.web.operator.rows import (
    BillLineRow,
    ClientTally,
    EvseTally,
    FaultRow,
    FindingRow,
    MarkTally,
    NodeRow,
    PeerRow,
    PlaceDocument,
    PulseRow,
    Rows,
    SessionRow,
    StationDocument,
    StationRow,
)

OWNER = str(CPO)


def rows(**given: object) -> Rows:
    nothing: dict[str, object] = {
        name: [] for name in ("away", "evses", "faults", "fault_stations", "running", "cdrs", "bill_lines")
    }
    nothing |= {name: [] for name in ("findings", "peers", "marks", "pulses", "clients", "unknown", "nodes")}
    nothing |= {name: {} for name in ("cdr_states", "stations", "places")}
    nothing |= {name: 0 for name in Rows.__struct_fields__ if name not in nothing}
    return Rows(**(nothing | given))  # type: ignore[arg-type]


def evse(status: ConnectorStatus | None, station: str = "A", number: int = 1) -> EvseTally:
    return EvseTally(owner=OWNER, station_id=station, evse_id=number, status=status)


def test_an_empty_network_is_a_page_without_numbers_to_divide_by():
    page = overview(rows(), NOW)
    assert page.network.evses == 0
    assert {share.width for share in page.network.statuses} == {Decimal(0)}
    assert page.power_kw == 0


def test_an_evse_has_the_most_telling_status_of_its_connectors():
    connectors = [evse(ConnectorStatus.UNAVAILABLE), evse(ConnectorStatus.CHARGING)]
    assert evse_counts(connectors, []) == {EvseStatus.CHARGING: 1}
    assert evse_counts([evse(ConnectorStatus.FAULTED), evse(ConnectorStatus.AVAILABLE)], []) == {
        EvseStatus.AVAILABLE: 1
    }


def test_what_an_absent_station_last_said_is_not_shown_as_true():
    away = [StationRow(owner=OWNER, station_id="A")]
    counts = evse_counts([evse(ConnectorStatus.CHARGING), evse(ConnectorStatus.AVAILABLE, "B")], away)
    assert counts == {EvseStatus.UNKNOWN: 1, EvseStatus.AVAILABLE: 1}


def test_stations_that_were_recorded_but_never_came_are_neither_online_nor_offline():
    network = overview(rows(stations_known=10, stations_seen=7, away_count=2), NOW).network
    assert (network.online, network.offline, network.awaited) == (5, 2, 3)


def test_trouble_is_counted_as_it_is_listed_however_the_other_connectors_are():
    """A broken connector beside a good one, one of the station as a whole, and one of a station that is away."""
    broken = [
        FaultRow(owner=OWNER, station_id=station, evse_id=evse_id, connector_id=1)
        for station, evse_id in (("A", 1), ("B", 0), ("C", 1))
    ]
    gone = StationRow(owner=OWNER, station_id="C")
    connectors = [evse(ConnectorStatus.FAULTED), evse(ConnectorStatus.AVAILABLE)]
    page = overview(
        rows(evses=connectors, faults=broken, fault_count=3, away=[gone], away_count=1, stations_seen=3), NOW
    )
    assert page.trouble_count == len(page.trouble) == 4


@given(st.lists(st.tuples(st.sampled_from("ABCD"), st.integers(1, 3), st.sampled_from(ConnectorStatus))))
def test_the_bar_is_whole_and_every_evse_is_counted_once(said: list[tuple[str, int, ConnectorStatus]]):
    page = overview(rows(evses=[evse(status, station, number) for station, number, status in said]), NOW)
    assert page.network.evses == len({(station, number) for station, number, _ in said})
    assert sum(share.count for share in page.network.statuses) == page.network.evses
    whole = sum(share.width for share in page.network.statuses)
    assert whole == 0 or abs(whole - 100) <= Decimal("0.07")  # Each of seven parts is rounded to 0.01.


def running(**given: object) -> SessionRow:
    common: dict[str, object] = {"owner": OWNER, "session_id": "S", "station_id": "A", "evse_id": 1}
    return SessionRow(**(common | given))  # type: ignore[arg-type]


def test_a_running_session_tells_minutes_kwh_kw_and_its_place():
    session = running(started_at=NOW - timedelta(minutes=42, seconds=59), energy_wh=12_345, power_w=11_040)
    page = overview(
        rows(
            running=[session],
            running_count=1,
            stations={(OWNER, "A"): StationDocument((EvsePlace(1, "L1", "u"),))},
            places={(OWNER, "L1"): PlaceDocument("Malmö", "Lilla torg")},
        ),
        NOW,
    )
    (shown,) = page.running
    assert (shown.minutes, shown.energy_kwh, shown.power_kw) == (42, Decimal("12.345"), Decimal("11.04"))
    assert shown.place == "Lilla torg, Malmö"
    assert page.power_kw == Decimal("11.04")


def test_the_power_that_an_absent_station_last_told_flows_no_more_for_all_we_know():
    sessions = [running(power_w=7_000), running(station_id="B", session_id="T", power_w=11_000)]
    away = [StationRow(owner=OWNER, station_id="B")]
    page = overview(rows(running=sessions, running_count=2, away=away, away_count=1, stations_seen=2), NOW)
    assert page.power_kw == 7
    assert [(one.in_contact, one.power_kw) for one in page.running] == [(True, 7), (False, None)]
    unread = rows(running=sessions, running_count=2, away=away, away_count=2, stations_seen=2)
    assert overview(unread, NOW).power_kw is None, "which stations are away is not known of all"


def test_a_station_clock_ahead_of_ours_gives_no_negative_minutes():
    page = overview(rows(running=[running(started_at=NOW + timedelta(hours=1))], running_count=1), NOW)
    assert page.running[0].minutes == 0


def test_a_session_of_which_only_the_middle_came_is_shown_with_what_is_known():
    (shown,) = overview(rows(running=[running(evse_id=None)], running_count=1), NOW).running
    assert (shown.minutes, shown.power_kw, shown.energy_kwh, shown.evse_id) == (None, None, 0, None)


def test_power_is_not_summed_over_a_part_of_the_sessions():
    assert overview(rows(running=[running(power_w=7000)], running_count=2), NOW).power_kw is None


def test_a_bill_line_without_tax_says_so_and_hides_most_of_the_contract():
    line = BillLineRow(
        owner=OWNER,
        line_id="B1",
        contract_id="SERETC00000017",
        cdr_party="SE*ELS",
        cdr_id="C1",
        ended_at=NOW,
        quantity_kwh=Decimal("3.2"),
        net=Decimal("9.60"),
        currency="SEK",
        document='{"place": "Haga, Göteborg", "supply_point_id": "735999"}',
    )
    (shown,) = overview(rows(bill_lines=[line]), NOW).bill_lines
    assert (shown.amount, shown.taxed, shown.place) == (Decimal("9.60"), False, "Haga, Göteborg")
    assert shown.contract == "0017"  # T21: the page shows the last four.


def test_bad_input_is_summed_and_named_by_its_source():
    findings = [
        FindingRow(source="station:SE*ELS/A:B", code="deep", count=3, sample="[[[", last_at=NOW),
        FindingRow(source="address:192.0.2.1", code="bad-password", count=5, sample="", last_at=NOW),
    ]
    page = overview(rows(findings=findings), NOW)
    assert page.strayed_count == 8
    assert [(finding.kind, finding.name) for finding in page.strayed] == [
        ("station", "SE*ELS/A:B"),
        ("address", "192.0.2.1"),
    ]


def test_what_waits_for_a_peer_is_summed_over_all_peers():
    marks = [MarkTally(owner=OWNER, peer_id=name, count=count) for name, count in (("a", 2), ("b", 40))]
    assert overview(rows(marks=marks), NOW).waiting == 42


def test_a_place_does_not_say_its_city_twice():
    assert place_name(PlaceDocument("Malmö", "Malmö C")) == "Malmö C"
    assert place_name(PlaceDocument("Malmö")) == "Malmö"


def node(id: str = "n1", unseen_s: float = 0, **given: object) -> NodeRow:
    started, seen = NOW - timedelta(hours=1), NOW - timedelta(seconds=unseen_s)
    common: dict[str, object] = {"id": id, "roles": "gateway,pages", "started_at": started, "seen_at": seen}
    return NodeRow(**(common | {"version": "1"} | given))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("unseen_s", "leaving", "state"),
    [
        (0, None, NodeState.SERVING),
        (10, None, NodeState.SERVING),
        (10.1, None, NodeState.SILENT),
        (30, None, NodeState.SILENT),
        (30.1, None, NodeState.GONE),
        (0, timedelta(minutes=5), NodeState.DRAINING),
        (31, timedelta(minutes=5), NodeState.GONE),
        (0, timedelta(hours=2), NodeState.SERVING),  # Of its life before this one.
    ],
)
def test_a_node_is_what_it_last_said_of_itself(
    unseen_s: float, leaving: timedelta | None, state: NodeState
) -> None:
    leaving_at = None if leaving is None else NOW - leaving
    shown = overview(rows(nodes=[node("n1", unseen_s, leaving_at=leaving_at), node("n2")]), NOW).nodes
    assert {line.id: line.state for line in shown.lines}["n1"] is state


def test_one_node_that_serves_is_not_worth_a_word_and_one_that_is_gone_is() -> None:
    assert overview(rows(), NOW).nodes == Nodes()
    assert overview(rows(nodes=[node()]), NOW).nodes == Nodes()
    gone = overview(rows(nodes=[node(unseen_s=45.9)]), NOW).nodes
    assert (gone.count, gone.lines[0].state, gone.lines[0].unseen_s) == (1, NodeState.GONE, 45)


def test_nodes_in_trouble_stand_first_and_the_list_is_bounded() -> None:
    many = [node(f"n{number:02}") for number in range(40)]
    shown = overview(rows(nodes=[*many, node("z-silent", 15), node("z-gone", 99)]), NOW).nodes
    assert [line.id for line in shown.lines[:3]] == ["z-gone", "z-silent", "n00"]
    assert (len(shown.lines), shown.count) == (SHOWN, 42)


def test_nodes_are_judged_by_the_machines_clock_whatever_the_worlds_is() -> None:
    shown = overview(rows(nodes=[node("n1"), node("n2")]), NOW + timedelta(days=400), NOW).nodes
    assert {line.state for line in shown.lines} == {NodeState.SERVING}
    # A node whose clock is ahead of ours was seen now.
    ahead = overview(rows(nodes=[node("n1", -3), node("n2")]), NOW).nodes
    assert {line.unseen_s for line in ahead.lines} == {0}


def test_a_hub_shows_who_is_behind_it_and_a_peer_of_ours_whether_it_answers() -> None:
    def peer(name: str) -> PeerRow:
        document = '{"version":"2.2.1","roles":[]}'
        return PeerRow(owner=OWNER, peer_id=name, state=PeerState.ACTIVE, document=document, changed_at=NOW)

    def told(hub: str, status: ConnectionStatus, count: int) -> ClientTally:
        return ClientTally(owner=OWNER, hub=hub, status=status, count=count)

    given = rows(
        peers=[peer("navet"), peer("quiet")],
        clients=[
            told("navet", ConnectionStatus.CONNECTED, 3),
            told("navet", ConnectionStatus.OFFLINE, 1),
            told("", ConnectionStatus.CONNECTED, 9),
        ],
        pulses=[
            PulseRow(owner=OWNER, peer_id="navet", problem=None),
            PulseRow(owner=OWNER, peer_id="quiet", problem="no answer"),
        ],
    )
    partners = overview(given, NOW).partners
    assert [(one.behind, one.away, one.silent) for one in partners] == [(4, 1, False), (0, 0, True)]

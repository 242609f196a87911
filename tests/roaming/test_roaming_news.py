"""What facts mean for peers, and how long a peer is left alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elstrada.model import facts as f
from elstrada.model.agreement import Agreement
from elstrada.model.device import CommandResult, ConnectorStatus
from elstrada.model.ids import PartyId, agreement_stream, peer_stream, station_stream
from elstrada.model.notices import Notice, NoticeKind
from elstrada.model.party import PeerState
from elstrada.roaming.news import (
    MODULE_OF,
    Kind,
    PeerNews,
    ProfileNews,
    SessionNews,
    StartNews,
    StatusNews,
    news,
)
from elstrada.roaming.patience import REFUSED_S, UNREACHABLE_S, pause

NOW = datetime(2026, 2, 3, tzinfo=UTC)
ELS = PartyId("SE", "ELS")
STATION = station_stream(ELS, "CP/1")
LIMITED = Notice(kind=NoticeKind.CHARGING_LIMIT, at=NOW, status="Limited")


@pytest.mark.parametrize(
    ("fact", "told"),
    [
        (f.SessionStarted("S1", "1", "k", 1, 1, NOW), SessionNews(ELS, "S1")),
        (f.SessionUpdated("S1", NOW), SessionNews(ELS, "S1")),
        (f.MeterSampled(1, 1, (), "S1"), SessionNews(ELS, "S1")),
        (f.SessionEnded("S1", NOW), SessionNews(ELS, "S1")),
        (f.SessionCompleted("S1", NOW, NOW, 1), SessionNews(ELS, "S1")),
        (f.MeterSampled(1, 1, ()), None),
        (f.StationBooted("v", "m"), None),
        (f.ConnectorStatusChanged(2, 1, ConnectorStatus.FAULTED, NOW), StatusNews(ELS, "CP/1", 2)),
        (f.CommandAnswered("C1", CommandResult.ACCEPTED, "", "{}"), ProfileNews(ELS, "CP/1", "C1")),
        (f.CommandAnswered("C1", CommandResult.REJECTED, "", "{}"), None),
        (f.CommandAnswered("C1", CommandResult.ACCEPTED), StartNews(ELS, "C1")),
        (f.StationNoticed(LIMITED), ProfileNews(ELS, "CP/1", None)),
    ],
)
def test_what_a_stations_facts_mean(fact: f.Fact, told: object):
    assert news(STATION, fact) == told


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (PeerState.ACTIVE, PeerNews(ELS, "p")),
        (PeerState.INVITED, None),
        (PeerState.ENDED, None),
    ],
)
def test_a_peer_that_registered_shall_have_everything(state: PeerState, told: object):
    assert news(peer_stream(ELS, "p"), f.PeerChanged("p", state)) == told


@pytest.mark.parametrize("fact", [f.AgreementMade("p", Agreement()), f.AgreementEnded("p")])
def test_a_peer_with_which_something_else_is_agreed_shall_have_what_is_for_it(fact: f.Fact):
    assert news(agreement_stream(ELS, "p"), fact) == PeerNews(ELS, "p")


def test_every_kind_that_is_pushed_has_a_module():
    # What is active of a session goes to the other side's sender: MODULE_OF is of receivers. A hub's copies are
    # of several modules.
    assert set(MODULE_OF) == set(Kind) - {Kind.PULL, Kind.PROFILE, Kind.COPY, Kind.AGREEMENT}


@given(st.integers(1, 10_000), st.floats(0, 1), st.sampled_from([REFUSED_S, UNREACHABLE_S]))
def test_pauses_grow_to_a_limit_and_are_never_none(failures: int, spread: float, longest_s: float):
    assert timedelta(seconds=0.5) <= pause(failures, spread, longest_s) <= timedelta(seconds=longest_s)
    assert pause(failures, 1, longest_s) <= pause(failures + 1, 1, longest_s)

"""Rule 17: a stop that names no session ends only one that it fits, and the true end of that one is not lost (T8)."""

from __future__ import annotations

import pytest
from test_sessions import CARD, Desk, at, noted, sample, start16, stop16

from elstrada.charging.session import QUIET
from elstrada.model import asks
from elstrada.model import facts as f
from elstrada.model.device import ConnectorStatus

BEGUN, BEGUN_WH, LATEST_WH = 10_000, 500_000, 501_000
"""Of the session that runs: when it began, its register then, and the latest one."""


def running() -> tuple[Desk, str]:
    desk = Desk()
    start = start16(BEGUN, evse_id=2, meter_wh=BEGUN_WH)
    transaction = noted(desk.ask(start, at(BEGUN))).transaction_id
    news = asks.UpdateSession(
        transaction_id=transaction, at=at(BEGUN + 300), samples=(sample(BEGUN + 300, LATEST_WH),)
    )
    desk.ask(news, at(BEGUN + 300))
    return desk, transaction


def kinds(desk: Desk, stop: asks.EndSession, now: float) -> list[type]:
    return [type(fact) for fact in desk.ask(stop, at(now)).facts]


@pytest.mark.rule(17)
@pytest.mark.parametrize("name", ["-1", "0"])
@pytest.mark.parametrize(
    ("seconds", "wh"),
    [
        (BEGUN + 600, LATEST_WH - 1),
        (BEGUN + 600, 9_000),
        (BEGUN + 600, 90_000_000),
        (BEGUN - 1, LATEST_WH + 9),
    ],
    ids=["falls", "far below", "cannot be", "before its start"],
)
def test_rule_17_a_stop_without_a_token_ends_no_session_that_it_does_not_fit(
    name: str, seconds: float, wh: int
) -> None:
    desk, _ = running()
    assert kinds(desk, stop16(name, seconds, wh), BEGUN + 600) == [f.StrayReported]


@pytest.mark.rule(17)
def test_rule_17_a_stop_without_a_token_ends_no_session_whose_connector_was_in_use_later() -> None:
    desk, _ = running()
    later = BEGUN + 700
    desk.ask(
        asks.ReportStatus(evse_id=2, connector_id=1, status=ConnectorStatus.CHARGING, at=at(later)), at(later)
    )
    assert kinds(desk, stop16("-1", BEGUN + 600, LATEST_WH + 9), later) == [f.StrayReported]


@pytest.mark.rule(17)
@pytest.mark.parametrize("name", ["-1", "0"])
def test_rule_17_a_stop_without_a_token_ends_the_one_session_that_it_fits(name: str) -> None:
    desk, _ = running()
    stop = stop16(name, BEGUN + 600, LATEST_WH + 500)
    assert kinds(desk, stop, BEGUN + 600) == [f.SessionEnded, f.SessionCompleted]


@pytest.mark.rule(17)
@pytest.mark.parametrize(("wh", "fits"), [(LATEST_WH + 500, True), (9_000, False)])
def test_rule_17_a_stop_of_its_token_from_before_it_began_ends_a_session_only_if_its_register_fits(
    wh: int, fits: bool
) -> None:
    """Clocks jump by an hour or a zone while a session runs; registers do not."""
    desk, _ = running()
    told = kinds(desk, stop16("424242", BEGUN - 1, wh, token=CARD), BEGUN + 600)
    assert (f.SessionEnded in told, f.StrayReported in told) == (fits, not fits)


@pytest.mark.rule(17)
@pytest.mark.parametrize(("wh", "fits"), [(9_000, False), (0, True), (LATEST_WH + 500, True)])
def test_rule_17_where_times_are_not_believed_the_register_must_fit_or_be_none(wh: int, fits: bool) -> None:
    desk, _ = running()
    stop = stop16("-1", BEGUN + 600, wh, token=CARD, said_at="1970-01-01T00:00:09Z", clock_suspect=True)
    assert (f.SessionEnded in kinds(desk, stop, BEGUN + 600)) is fits


@pytest.mark.rule(17)
def test_rule_17_a_meter_that_stumbles_at_the_end_ends_the_session_of_its_token_all_the_same() -> None:
    desk, _ = running()
    assert f.SessionEnded in kinds(desk, stop16("-1", BEGUN + 600, 0, token=CARD), BEGUN + 600)


def misled() -> tuple[Desk, str]:
    """A session that another's stop ended, which fitted it: it came late, so more may still come."""
    desk, transaction = running()
    stop = stop16("-1", BEGUN + 310, LATEST_WH + 10)
    assert kinds(desk, stop, BEGUN + 500) == [f.SessionEnded]
    return desk, transaction


@pytest.mark.rule(17)
def test_rule_17_the_true_end_replaces_that_of_a_stop_that_named_no_session() -> None:
    desk, transaction = misled()
    true_end = stop16(transaction, BEGUN + 505, 505_000)
    assert kinds(desk, true_end, BEGUN + 505) == [f.SessionEnded, f.SessionCompleted]
    (done,) = desk.told(f.SessionCompleted)
    assert isinstance(done, f.SessionCompleted)
    assert (done.ended_at, done.energy_wh) == (at(BEGUN + 505), 5_000)
    assert desk.ask(true_end, at(BEGUN + 900)).facts == (), "rule 14"


@pytest.mark.rule(17)
def test_rule_17_the_true_end_after_the_completion_is_kept_once_with_both_figures() -> None:
    desk, transaction = misled()
    desk.ask(asks.Tick(), at(BEGUN + 500) + QUIET)
    true_end = stop16(transaction, BEGUN + 800, 505_000)
    (stray,) = desk.ask(true_end, at(BEGUN + 800)).facts
    assert isinstance(stray, f.StrayReported)
    assert (stray.energy_wh, stray.completed_wh) == (5_000, 1_010)
    assert desk.ask(true_end, at(BEGUN + 900)).facts == ()
    assert len(desk.told(f.SessionCompleted)) == 1


@pytest.mark.rule(17)
def test_rule_17_the_same_end_told_again_by_its_name_is_no_other_end() -> None:
    desk, transaction = misled()
    assert desk.ask(stop16(transaction, BEGUN + 310, LATEST_WH + 10), at(BEGUN + 505)).facts == ()

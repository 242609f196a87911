"""A second session that looks like a resend of the first is a session of its own (rule 13, P2)."""

from __future__ import annotations

import msgspec
import pytest
from test_sessions import CARD, Desk, at, noted, sample, start16, stop16, token

from elstrada.model import asks
from elstrada.model import facts as f
from elstrada.model.device import ConnectorStatus
from elstrada.model.token import Allowed, Whitelist

NO_CLOCK = {"said_at": "1970-01-01T00:00:05Z", "clock_suspect": True, "meter_wh": 0}


def energies(desk: Desk) -> list[int]:
    return [fact.energy_wh for fact in desk.told(f.SessionCompleted) if isinstance(fact, f.SessionCompleted)]


def started(seconds: float, wh: int, **changes: object) -> asks.StartSession:
    given: dict[str, object] = {
        "transaction_id": "7",
        "evse_id": 1,
        "connector_id": 1,
        "token": CARD,
        "at": at(seconds),
        "samples": (sample(seconds, wh),),
        "seq_no": 0,
    }
    return asks.StartSession(**(given | changes))  # type: ignore[arg-type]


def ended(seconds: float, wh: int) -> asks.EndSession:
    return asks.EndSession(transaction_id="7", at=at(seconds), samples=(sample(seconds, wh),), seq_no=1)


def twice(second: asks.StartSession, end_wh: int) -> Desk:
    desk = Desk()
    desk.ask(started(0, 1000), at(0))
    desk.ask(ended(600, 3000), at(600))
    desk.ask(second, second.at)
    desk.ask(ended(9000, end_wh), at(9000))
    return desk


@pytest.mark.rule(13)
def test_p2_a_transaction_id_used_again_names_a_session_of_its_own() -> None:
    desk = twice(started(5000, 3000), 8000)
    assert energies(desk) == [2000, 5000]
    assert (
        len({fact.session_id for fact in desk.told(f.SessionStarted) if isinstance(fact, f.SessionStarted)})
        == 2
    )


@pytest.mark.rule(13)
def test_p2_after_that_each_of_its_starts_is_known_again() -> None:
    desk = twice(started(5000, 3000), 8000)
    for resent in (started(0, 1000), started(5000, 3000)):
        assert desk.ask(resent, at(9500)).facts == ()


@pytest.mark.rule(13)
def test_p2_by_a_clock_that_is_not_believed_another_register_tells_the_sessions_apart() -> None:
    assert energies(twice(started(5000, 3000, clock_suspect=True), 8000)) == [2000, 5000]


def test_t8_a_token_that_was_not_judged_is_not_accepted_with_a_resend() -> None:
    desk = Desk()
    desk.ask(started(0, 1000), at(0))
    blocked = msgspec.structs.replace(token(valid=False, whitelist=Whitelist.ALWAYS), uid="04B2")
    other = asks.PresentedToken(uid="04B2", ref="r2", known=blocked)
    answer = noted(desk.ask(started(0, 1000, token=other), at(5)))
    assert answer.verdict is not None
    assert answer.verdict.allowed is Allowed.BLOCKED


def no_clock(seconds: float, stop_wh: int, desk: Desk) -> str:
    transaction = noted(desk.ask(start16(seconds, **NO_CLOCK), at(seconds))).transaction_id
    desk.ask(stop16(transaction, seconds + 600, stop_wh, clock_suspect=True), at(seconds + 600))
    return transaction


@pytest.mark.rule(22)
@pytest.mark.parametrize("sign", ["boot", "free"])
def test_a_clock_that_begins_anew_at_each_boot_loses_no_session(sign: str) -> None:
    desk = Desk()
    first = no_clock(0, 5000, desk)
    if sign == "boot":
        desk.ask(asks.Boot(vendor="V", model="M"), at(2000))
    else:
        free = asks.ReportStatus(evse_id=1, connector_id=1, status=ConnectorStatus.AVAILABLE, at=at(2000))
        desk.ask(free, at(2000))
    assert no_clock(3000, 7000, desk) != first
    assert energies(desk) == [5000, 7000]


@pytest.mark.rule(22)
def test_a_clock_that_begins_anew_at_a_believable_date_loses_no_session_either() -> None:
    desk, long = Desk(), -200 * 86_400
    for seconds, wh in ((0, 5000), (3000, 7000)):
        desk.ask(asks.Boot(vendor="V", model="M"), at(seconds))
        transaction = noted(desk.ask(start16(long, meter_wh=0), at(seconds))).transaction_id
        desk.ask(stop16(transaction, long + 600, wh), at(seconds + 600))
        desk.ask(asks.Tick(), at(seconds + 700))
    assert energies(desk) == [5000, 7000]


@pytest.mark.rule(13)
def test_p2_a_start_resent_after_its_end_and_a_boot_is_known_where_the_clock_is_right() -> None:
    desk = Desk()
    first = noted(desk.ask(start16(), at(0)))
    desk.ask(stop16(first.transaction_id, 60), at(60))
    desk.ask(asks.Boot(vendor="V", model="M"), at(100))
    again = desk.ask(start16(), at(200))
    assert (noted(again).transaction_id, again.facts) == (first.transaction_id, ())


@pytest.mark.rule(14)
def test_rule_14_a_stop_with_another_register_is_kept_and_changes_nothing() -> None:
    desk = Desk()
    first, second = no_clock(0, 5000, desk), no_clock(3000, 7000, desk)
    assert first == second, "nothing tells that it is another session"
    (stray,) = desk.told(f.StrayReported)
    assert isinstance(stray, f.StrayReported)
    assert (stray.energy_wh, stray.completed_wh) == (7000, 5000)
    assert energies(desk) == [5000]

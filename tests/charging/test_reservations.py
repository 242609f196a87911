"""Reservations: one per EVSE, for its token and group alone, until it is used or over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_sessions import CARD, CPO, EMSP, Desk, at, connected, noted, start16, token

from elstrada.charging.reserve import LONGEST, MOST, living
from elstrada.model import answers, asks
from elstrada.model import facts as f
from elstrada.model.asks import PresentedToken
from elstrada.model.device import CommandName, CommandResult, ConnectorStatus
from elstrada.model.ids import PartyId
from elstrada.model.notices import Notice, NoticeKind
from elstrada.model.reservation import Reservation, ReservationState, ReservationWish
from elstrada.model.token import NO_AUTHORIZATION, Allowed, AuthMethod, Whitelist

STRANGER = PresentedToken(uid="04B2", ref="r2", known=token(whitelist=Whitelist.ALWAYS))
FRIEND = msgspec.structs.replace(STRANGER, uid="04C3", ref="r3", group_ref="g1")
MINE = msgspec.structs.replace(CARD, group_ref="g1")
HOUR = 3600


def wish(
    number: int = 1,
    seconds: float = 0,
    *,
    evse: int | None = 1,
    shown: PresentedToken = MINE,
    by: PartyId = CPO,
    until: float = HOUR,
    **more: object,
) -> asks.Command:
    return asks.Command(
        command_id=f"k{number}",
        name=CommandName.RESERVE,
        asked_by=by,
        evse_id=evse,
        token=shown,
        reservation=ReservationWish(expires_at=at(until), **more),  # type: ignore[arg-type]
    )


def told(desk: Desk, number: int, seconds: float, result: CommandResult = CommandResult.ACCEPTED) -> None:
    desk.ask(asks.CommandReply(command_id=f"k{number}", result=result), at(seconds))


def reserved(*, evse: int | None = 1, result: CommandResult = CommandResult.ACCEPTED, **more: object) -> Desk:
    """A station of two EVSEs that answered a RESERVE so."""
    desk = connected()
    for number in (1, 2):
        status = asks.ReportStatus(evse_id=number, connector_id=1, status=ConnectorStatus.AVAILABLE)
        desk.ask(status, at(0))
    desk.ask(wish(evse=evse, **more), at(1))  # type: ignore[arg-type]
    told(desk, 1, 2, result)
    return desk


def changes(desk: Desk) -> list[f.ReservationChanged]:
    return [fact for fact, _ in desk.log if isinstance(fact, f.ReservationChanged)]


def states(desk: Desk) -> list[ReservationState]:
    return [fact.state for fact in changes(desk)]


def only(desk: Desk) -> Reservation:
    (kept,) = desk.state.reservations.values()
    return kept.reservation


def refused(desk: Desk, ask: asks.Command, seconds: float = 5) -> CommandResult:
    decision = desk.ask(ask, at(seconds))
    assert decision.questions == (), "the station is not asked"
    assert isinstance(decision.answer, answers.CommandDone)
    return decision.answer.result


def allowed(desk: Desk, shown: PresentedToken, seconds: float = 10, evse: int = 1) -> Allowed | None:
    verdict = noted(desk.ask(start16(seconds, evse_id=evse, token=shown), at(seconds))).verdict
    return verdict and verdict.allowed


# --- made -------------------------------------------------------------------------------------------------


def test_what_the_station_accepts_is_kept_under_a_number_of_ours() -> None:
    desk = reserved(partner_ref="R-1", by=EMSP)
    (made,) = changes(desk)
    one = made.reservation
    assert (made.state, one.evse_id, one.token_ref, one.group_ref) == (ReservationState.HELD, 1, "r1", "g1")
    assert 1 <= one.id < 2**31
    assert (one.partner_ref, one.made_for, one.expires_at) == ("R-1", EMSP, at(HOUR))
    (requested,) = desk.told(f.CommandRequested)
    assert isinstance(requested, f.CommandRequested)
    assert requested.reservation == one


@pytest.mark.parametrize(
    "result",
    [CommandResult.OCCUPIED, CommandResult.INOPERATIVE, CommandResult.REJECTED, CommandResult.FAILED],
)
def test_what_the_station_refuses_is_not_kept(result: CommandResult) -> None:
    desk = reserved(result=result)
    assert (changes(desk), desk.state.reservations) == ([], {})


def test_without_a_reply_nobody_knows_so_nobody_is_barred_and_it_can_be_cancelled() -> None:
    desk = reserved(result=CommandResult.TIMEOUT)
    assert states(desk) == [ReservationState.UNCERTAIN]
    assert allowed(desk, STRANGER) is Allowed.ALLOWED
    cancel = asks.Command(
        command_id="k2",
        name=CommandName.CANCEL_RESERVATION,
        asked_by=CPO,
        reservation_id=only(desk).id,
    )
    assert len(desk.ask(cancel, at(20)).questions) == 1


def test_a_command_that_a_crash_cut_short_leaves_an_uncertain_reservation() -> None:
    desk = connected()
    desk.ask(wish(), at(1))
    desk.ask(asks.Tick(), at(100))
    assert states(desk) == [ReservationState.UNCERTAIN]


@pytest.mark.parametrize(
    ("ask", "result"),
    [
        (wish(2, evse=1), CommandResult.OCCUPIED),
        (wish(2, evse=2, until=4), CommandResult.REJECTED),
        (wish(2, evse=2, until=LONGEST.total_seconds() + 60), CommandResult.REJECTED),
        (wish(2, evse=2, replaces=4711), CommandResult.UNKNOWN),
        (wish(2, evse=2, shown=PresentedToken("", "NoAuthorization")), CommandResult.REJECTED),
        (msgspec.structs.replace(wish(2), reservation=None), CommandResult.REJECTED),
    ],
)
def test_what_cannot_be_asked_of_the_station_is_refused(ask: asks.Command, result: CommandResult) -> None:
    assert refused(reserved(), ask) is result


def test_an_evse_is_not_asked_for_twice_while_the_station_has_not_answered() -> None:
    desk = connected()
    desk.ask(wish(1), at(1))
    assert refused(desk, wish(2), 1.5) is CommandResult.OCCUPIED


def test_a_station_keeps_so_many_and_no_more() -> None:
    desk = connected()
    for number in range(1, MOST + 1):
        desk.ask(wish(number, evse=None), at(number))
        told(desk, number, number + 0.5)
    assert len(desk.state.reservations) == MOST
    assert refused(desk, wish(MOST + 1, evse=None), 200) is CommandResult.REJECTED


def test_r58_the_same_partners_id_replaces_and_another_partners_does_not() -> None:
    desk = reserved(partner_ref="R-1", by=EMSP)
    first = only(desk)
    desk.ask(wish(2, partner_ref="R-1", by=EMSP, until=2 * HOUR), at(5))
    told(desk, 2, 6)
    assert only(desk).id == first.id
    assert only(desk).session_id == first.session_id
    assert only(desk).expires_at == at(2 * HOUR)
    desk.ask(wish(3, evse=2, partner_ref="R-1", by=PartyId("SE", "XXX")), at(7))
    told(desk, 3, 8)
    assert len(desk.state.reservations) == 2, "R-57"


@pytest.mark.parametrize("result", [CommandResult.REJECTED, CommandResult.TIMEOUT])
def test_a_replacement_that_the_station_does_not_take_leaves_the_reservation_as_it_was(
    result: CommandResult,
) -> None:
    desk = reserved(partner_ref="R-1")
    before = only(desk)
    desk.ask(wish(2, partner_ref="R-1", until=2 * HOUR), at(5))
    told(desk, 2, 6, result)
    assert only(desk) == before


# --- for whom ---------------------------------------------------------------------------------------------


def test_a_stranger_who_starts_there_is_not_accepted_and_its_token_uses_it() -> None:
    desk = reserved()
    assert allowed(desk, STRANGER, 10) is Allowed.NOT_ALLOWED
    assert states(desk) == [ReservationState.HELD]
    assert allowed(desk, MINE, 20) is Allowed.ALLOWED
    assert states(desk) == [ReservationState.HELD, ReservationState.USED]
    assert desk.state.reservations == {}


def test_a_refusal_for_a_reservation_is_not_to_be_remembered() -> None:
    verdict = noted(reserved().ask(start16(10, token=STRANGER), at(10))).verdict
    assert verdict is not None
    assert verdict.expires_at == at(10)


def test_a_token_of_its_group_uses_it() -> None:
    desk = reserved()
    assert allowed(desk, FRIEND) is Allowed.ALLOWED
    assert states(desk)[-1] is ReservationState.USED


def test_the_session_that_uses_it_is_the_one_partners_knew_it_by() -> None:
    desk = reserved(by=EMSP)
    session_id = only(desk).session_id
    allowed(desk, MINE)
    (started,) = desk.told(f.SessionStarted)
    assert isinstance(started, f.SessionStarted)
    assert (started.session_id, changes(desk)[-1].session_id) == (session_id, session_id)


def test_another_evse_is_free_for_a_stranger_and_does_not_use_it() -> None:
    desk = reserved()
    assert allowed(desk, STRANGER, evse=2) is Allowed.ALLOWED
    assert allowed(desk, MINE, 20, evse=2) is Allowed.ALLOWED
    assert states(desk) == [ReservationState.HELD]


def test_a_reservation_of_any_evse_keeps_the_last_free_one() -> None:
    desk = reserved(evse=None)
    assert allowed(desk, STRANGER, 10, evse=1) is Allowed.ALLOWED
    assert allowed(desk, STRANGER, 20, evse=2) is Allowed.NOT_ALLOWED


def test_a_reservation_of_any_evse_is_none_of_the_one_that_another_token_reserved() -> None:
    desk = reserved(evse=None)
    desk.ask(wish(2, 3, evse=1, shown=STRANGER), at(3))
    told(desk, 2, 4)
    assert allowed(desk, MINE, 10, evse=1) is Allowed.NOT_ALLOWED
    assert states(desk) == [ReservationState.HELD] * 2, "neither is used"
    assert allowed(desk, MINE, 20, evse=2) is Allowed.ALLOWED
    assert states(desk)[2:] == [ReservationState.USED]


def test_a_kind_of_connector_is_for_the_station_to_keep() -> None:
    desk = reserved(evse=None, connector_type="cType2")
    assert allowed(desk, STRANGER, 10, evse=1) is Allowed.ALLOWED
    assert allowed(desk, STRANGER, 20, evse=2) is Allowed.ALLOWED


def test_a_start_that_is_told_late_and_came_before_the_reservation_is_not_refused() -> None:
    desk = reserved()
    decision = desk.ask(start16(0.5, token=STRANGER), at(30))
    assert noted(decision).verdict is not None
    assert noted(decision).verdict.allowed is Allowed.ALLOWED  # type: ignore[union-attr]


def judged(desk: Desk, shown: PresentedToken, seconds: float = 10) -> Allowed:
    answer = desk.ask(asks.Authorize(token=shown), at(seconds)).answer
    assert isinstance(answer, answers.Judged)
    return answer.verdict.allowed


def test_a_stranger_is_told_no_before_a_start_only_where_nothing_is_free() -> None:
    desk = reserved()
    assert judged(desk, STRANGER) is Allowed.ALLOWED
    desk.ask(wish(2, evse=2), at(12))
    told(desk, 2, 13)
    assert judged(desk, STRANGER, 14) is Allowed.NOT_ALLOWED
    assert judged(desk, MINE, 14) is Allowed.ALLOWED


def test_who_charges_may_end_it_though_the_rest_is_reserved() -> None:
    desk = reserved()
    allowed(desk, STRANGER, evse=2)
    assert judged(desk, STRANGER, 20) is Allowed.ALLOWED


def test_a_2x_session_uses_it_when_its_token_comes_later() -> None:
    desk = reserved()
    desk.ask(start16(10, transaction_id="T1", token=None, seq_no=0), at(10))
    assert states(desk) == [ReservationState.HELD]
    update = asks.UpdateSession(transaction_id="T1", at=at(11), seq_no=1, token=STRANGER)
    assert noted(desk.ask(update, at(11))).verdict.allowed is Allowed.NOT_ALLOWED  # type: ignore[union-attr]
    update = asks.UpdateSession(transaction_id="T1", at=at(12), seq_no=2, token=MINE)
    assert noted(desk.ask(update, at(12))).verdict.allowed is Allowed.ALLOWED  # type: ignore[union-attr]
    assert states(desk)[-1] is ReservationState.USED


def test_the_station_may_say_which_reservation_a_session_uses() -> None:
    desk = reserved(evse=None)
    number = only(desk).id
    desk.ask(start16(10, transaction_id="T1", token=None, seq_no=0, reservation_id=number), at(10))
    assert states(desk)[-1] is ReservationState.USED


def test_a_stranger_does_not_use_it_by_naming_it() -> None:
    desk = reserved()
    desk.ask(start16(10, token=STRANGER, reservation_id=only(desk).id), at(10))
    assert states(desk) == [ReservationState.HELD]


def test_a_remote_start_for_a_stranger_is_not_asked_of_the_station() -> None:
    desk = reserved()
    start = asks.Command(command_id="k5", name=CommandName.START, asked_by=CPO, evse_id=1, token=STRANGER)
    assert refused(desk, start) is CommandResult.OCCUPIED
    without = msgspec.structs.replace(start, command_id="k6", token=PresentedToken("", NO_AUTHORIZATION))
    assert refused(desk, without) is CommandResult.OCCUPIED
    mine = msgspec.structs.replace(start, command_id="k7", token=MINE)
    assert len(desk.ask(mine, at(6)).questions) == 1


def test_a_token_without_credit_reserves_nothing() -> None:
    poor = msgspec.structs.replace(MINE, out_of_credit=True)
    assert refused(connected(), wish(shown=poor)) is CommandResult.REJECTED


ASKING = token(whitelist=Whitelist.NEVER)


@pytest.mark.parametrize(
    ("kind", "minutes", "asked"), [("RFID", 14, False), ("RFID", 16, True), ("APP_USER", 50, False)]
)
def test_an_emsp_that_reserved_is_not_asked_again(kind: str, minutes: float, asked: bool) -> None:
    known = msgspec.structs.replace(ASKING, type=kind)
    card = msgspec.structs.replace(MINE, known=known)
    desk = reserved(by=EMSP, shown=card)
    decision = desk.ask(start16(minutes * 60, token=card), at(minutes * 60))
    assert bool(decision.questions) is asked
    if not asked:
        (started,) = desk.told(f.SessionStarted)
        assert isinstance(started, f.SessionStarted)
        assert started.auth_method is AuthMethod.COMMAND


def test_the_reference_under_which_was_reserved_is_the_sessions() -> None:
    desk = connected()
    desk.ask(msgspec.structs.replace(wish(by=EMSP), authorization_reference="ref-7"), at(1))
    told(desk, 1, 2)
    allowed(desk, FRIEND)
    (started,) = desk.told(f.SessionStarted)
    assert isinstance(started, f.SessionStarted)
    assert started.authorization_reference == "ref-7"


# --- over -------------------------------------------------------------------------------------------------


def test_it_is_over_when_its_time_is_and_bars_nobody_from_then_on() -> None:
    desk = reserved()
    assert desk.state.waits
    assert desk.ask(asks.Tick(), at(HOUR - 1)).facts == ()
    assert allowed(desk, STRANGER, HOUR + 1) is Allowed.ALLOWED, "even before anybody looked"
    desk.ask(asks.Tick(), at(HOUR + 2))
    assert states(desk)[-1] is ReservationState.EXPIRED
    assert changes(desk)[-1].at == at(HOUR)
    assert not desk.state.reservations


def update_of(number: int, status: str) -> asks.GiveNotice:
    return asks.GiveNotice(Notice(kind=NoticeKind.RESERVATION, at=at(30), status=status, subject=str(number)))


@pytest.mark.parametrize(
    ("status", "state"),
    [("Expired", ReservationState.EXPIRED), ("Removed", ReservationState.REMOVED)],
)
def test_the_station_says_that_it_is_over(status: str, state: ReservationState) -> None:
    desk = reserved()
    desk.ask(update_of(only(desk).id, status), at(30))
    assert states(desk) == [ReservationState.HELD, state]
    assert desk.ask(update_of(changes(desk)[0].reservation.id, status), at(31)).facts == ()


def test_an_update_of_an_unknown_reservation_is_noted_and_ends_nothing() -> None:
    desk = reserved()
    desk.ask(update_of(only(desk).id + 1, "Removed"), at(30))
    assert states(desk) == [ReservationState.HELD]


@pytest.mark.parametrize(("evse", "lost"), [(1, True), (2, False), (0, True)])
def test_a_fault_ends_the_reservation_of_what_it_strikes(evse: int, lost: bool) -> None:
    desk = reserved()
    status = asks.ReportStatus(evse_id=evse, connector_id=int(evse > 0), status=ConnectorStatus.FAULTED)
    desk.ask(status, at(30))
    assert (ReservationState.LOST in states(desk)) is lost


def test_a_reservation_of_any_evse_is_lost_when_none_works() -> None:
    desk = reserved(evse=None)
    for number, expected in ((1, False), (2, True)):
        status = asks.ReportStatus(evse_id=number, connector_id=1, status=ConnectorStatus.UNAVAILABLE)
        desk.ask(status, at(30))
        assert (ReservationState.LOST in states(desk)) is expected


def test_an_event_of_2x_ends_it_like_a_status() -> None:
    desk = reserved()
    event = asks.StationEvent(
        at=at(30),
        component="Connector",
        variable="AvailabilityState",
        value="Faulted",
        trigger="Delta",
        evse_id=1,
        connector_id=1,
    )
    desk.ask(asks.ReportEvents((event,)), at(30))
    assert states(desk)[-1] is ReservationState.LOST


def cancel(desk: Desk, by: PartyId, number: int | None = None) -> asks.Command:
    return asks.Command(
        command_id="k9",
        name=CommandName.CANCEL_RESERVATION,
        asked_by=by,
        reservation_id=only(desk).id if number is None else number,
    )


@pytest.mark.parametrize("by", [EMSP, CPO])
def test_who_made_it_and_the_stations_owner_may_cancel_it(by: PartyId) -> None:
    desk = reserved(by=EMSP)
    desk.ask(cancel(desk, by), at(10))
    told(desk, 9, 11)
    assert (changes(desk)[-1].state, changes(desk)[-1].by) == (ReservationState.CANCELED, by)


def test_nobody_else_may_cancel_it() -> None:
    desk = reserved(by=EMSP)
    assert refused(desk, cancel(desk, PartyId("SE", "XXX"))) is CommandResult.UNKNOWN
    assert refused(desk, cancel(desk, EMSP, 4711)) is CommandResult.UNKNOWN
    assert states(desk) == [ReservationState.HELD]


def test_a_station_that_knows_no_such_reservation_keeps_none() -> None:
    desk = reserved()
    desk.ask(cancel(desk, CPO), at(10))
    told(desk, 9, 11, CommandResult.UNKNOWN)
    assert states(desk)[-1] is ReservationState.REMOVED


def test_a_cancellation_without_a_reply_leaves_it() -> None:
    desk = reserved()
    desk.ask(cancel(desk, CPO), at(10))
    told(desk, 9, 11, CommandResult.TIMEOUT)
    assert states(desk) == [ReservationState.HELD]


def test_a_snapshot_keeps_them() -> None:
    state = reserved().state
    packed = msgspec.msgpack.encode(state, enc_hook=str)
    assert msgspec.msgpack.decode(packed, type=type(state)) == state


# --- laws -------------------------------------------------------------------------------------------------

_EVSES = st.sampled_from([None, 1, 2])
_TOKENS = st.sampled_from([MINE, STRANGER, FRIEND])
_STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("reserve"),
            _EVSES,
            _TOKENS,
            st.sampled_from([CPO, EMSP]),
            st.sampled_from([60.0, 5000.0]),
            st.sampled_from([None, "R-1"]),
        ),
        st.tuples(st.just("reply"), st.integers(0, 30), st.sampled_from(list(CommandResult))),
        st.tuples(st.just("cancel"), st.integers(0, 5), st.sampled_from([CPO, EMSP])),
        st.tuples(st.just("start"), st.sampled_from([1, 2]), _TOKENS),
        st.tuples(st.just("status"), st.sampled_from([1, 2]), st.sampled_from(list(ConnectorStatus))),
        st.tuples(st.just("pass"), st.sampled_from([5.0, 40.0, 400.0])),
    ),
    max_size=30,
)


@given(_STEPS)
def test_no_evse_is_reserved_twice_and_no_stranger_starts_at_one_that_is(
    steps: Sequence[tuple[Any, ...]],
) -> None:
    desk, now, number = connected(), 0.0, 0
    for step in steps:
        now += 1
        match step:
            case "reserve", evse, shown, by, lasts, ref:
                number += 1
                desk.ask(
                    wish(number, evse=evse, shown=shown, by=by, until=now + lasts, partner_ref=ref),  # type: ignore[arg-type,operator]
                    at(now),
                )
            case "reply", which, result:
                told(desk, which, now, result)  # type: ignore[arg-type]
            case "cancel", index, by:
                numbers = list(desk.state.reservations)
                meant = numbers[index % len(numbers)] if numbers else 1  # type: ignore[operator]
                number += 1
                name = CommandName.CANCEL_RESERVATION
                desk.ask(
                    asks.Command(command_id=f"k{number}", name=name, asked_by=by, reservation_id=meant),
                    at(now),
                )  # type: ignore[arg-type]
            case "start", evse, shown:
                _start(desk, evse, shown, now)  # type: ignore[arg-type]
            case "status", evse, status:
                desk.ask(asks.ReportStatus(evse_id=evse, connector_id=1, status=status), at(now))  # type: ignore[arg-type]
            case _, seconds:
                now += seconds  # type: ignore[operator]
                desk.ask(asks.Tick(), at(now))
            case _:
                raise AssertionError(step)
        kept = living(desk.state, at(now))
        own_evses = [one.evse_id for one in kept if one.evse_id]
        assert len(own_evses) == len(set(own_evses)), "one EVSE, one reservation"
        assert len({one.id for one in kept}) == len(kept) <= MOST
    _each_ends_once(desk)


def _start(desk: Desk, evse: int, shown: PresentedToken, now: float) -> None:
    kept = [one for one in living(desk.state, at(now)) if one.evse_id == evse]
    theirs = [one for one in kept if one.token_ref == shown.ref or (one.group_ref or "") == shown.group_ref]
    any_of_mine = [
        one for one in living(desk.state, at(now)) if not one.evse_id and one.token_ref == shown.ref
    ]
    verdict = noted(desk.ask(start16(now, evse_id=evse, token=shown, meter_wh=int(now)), at(now))).verdict
    assert verdict is not None
    if kept and not theirs and not any_of_mine:
        assert verdict.allowed is not Allowed.ALLOWED, "a stranger has started at a reserved EVSE"
    if theirs:
        assert verdict.allowed is Allowed.ALLOWED, "its token was kept away"


def _each_ends_once(desk: Desk) -> None:
    lives: set[int] = set()
    for fact in changes(desk):
        if fact.state in (ReservationState.HELD, ReservationState.UNCERTAIN):
            lives.add(fact.reservation.id)
        else:
            assert fact.reservation.id in lives, "it ends though it does not live"
            lives.remove(fact.reservation.id)
    assert lives == set(desk.state.reservations)


@given(st.timedeltas(min_value=timedelta(0), max_value=LONGEST))
def test_a_reservation_is_living_until_its_time_and_never_after(passed: timedelta) -> None:
    desk = reserved()
    assert bool(living(desk.state, at(0) + passed)) is (at(0) + passed < at(HOUR))

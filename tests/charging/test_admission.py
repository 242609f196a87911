"""Which stations may work with us (rule 38; OCPP 2.0.1 B01 to B03, OCPP 1.6 §4.2)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from elstrada.charging.admission import at_boot, interval_s, set_up
from elstrada.charging.state import StationState, evolve
from elstrada.charging.station import decide
from elstrada.model import asks
from elstrada.model import facts as f
from elstrada.model.admission import Admission, AdmittedBy, Make, StationAdmission
from elstrada.model.answers import Registered
from elstrada.model.device import Protocol
from elstrada.model.ids import Fresh, PartyId
from elstrada.ocpp.registration import invitation, may_call, withheld

ACCEPTED, PENDING, REJECTED = Admission
NOW = datetime(2026, 3, 1, tzinfo=UTC)
NEW, NEWER = Make("Maker", "Box", "1.0"), Make("Maker", "Box", "1.1")
HELD = StationAdmission(state=PENDING, make=NEW, reason=f"the first of its make: {NEW}")
WELCOME = StationAdmission(make=NEW, reason="read and set up")


def by_operator(state: Admission) -> StationAdmission:
    return StationAdmission(state=state, by=AdmittedBy.OPERATOR)


def test_without_the_rule_everybody_is_accepted() -> None:
    for before in (StationAdmission(), HELD, WELCOME):
        assert at_boot(before, NEW, hold=False, known=False) == StationAdmission()


@pytest.mark.rule(38)
def test_a_new_make_is_held_until_it_is_known() -> None:
    """Rule 38."""
    held = at_boot(StationAdmission(), NEW, hold=True, known=False)
    assert held == HELD
    assert at_boot(held, NEW, hold=True, known=False) == held, "it comes again and nothing is new"
    assert at_boot(held, NEW, hold=True, known=True).state is ACCEPTED
    assert at_boot(StationAdmission(), NEW, hold=True, known=True) == StationAdmission()


def test_what_was_accepted_stays_so_until_it_becomes_something_else() -> None:
    assert at_boot(WELCOME, NEW, hold=True, known=False) == WELCOME
    assert at_boot(WELCOME, NEWER, hold=True, known=False).state is PENDING
    assert at_boot(WELCOME, NEWER, hold=True, known=True) == WELCOME


@pytest.mark.parametrize("state", Admission)
def test_an_operators_word_goes_before_the_rule(state: Admission) -> None:
    for hold in (False, True):
        assert at_boot(by_operator(state), NEWER, hold=hold, known=not hold) == by_operator(state)
        assert set_up(by_operator(state), NEW, "") == by_operator(state)


def test_a_held_station_is_accepted_when_it_was_set_up_and_stays_held_with_the_reason_if_not() -> None:
    assert set_up(HELD, NEW, "") == WELCOME
    stuck = set_up(HELD, NEW, "1 of 2 values was not taken: Power")
    assert (stuck.state, stuck.make, stuck.reason) == (PENDING, NEW, "1 of 2 values was not taken: Power")
    assert at_boot(stuck, NEW, hold=True, known=False) == stuck
    assert set_up(HELD, NEWER, "") == HELD, "it came back as something else meanwhile"


@pytest.mark.parametrize("state", Admission)
def test_a_boot_is_answered_with_the_decision_and_it_holds_without_another_boot(state: Admission) -> None:
    """Rule 4: the registration is a fact, so a connection, a node or a process does not end it."""
    before = StationState(owner=PartyId("SE", "ELS"), station_id="S1")
    boot = asks.Boot(vendor="Maker", model="Box", admission=state)
    decision = decide(before, boot, NOW, Fresh("id", 1))
    assert decision.answer == Registered(NOW, interval_s(state), state)
    (booted,) = decision.facts
    after = evolve(before, booted, NOW)
    for fact in (f.StationDisconnected("c1", "gone"), f.StationConnected("ocpp1.6", "c2")):
        after = evolve(after, fact, NOW)
    assert after.registered is state


def test_only_a_boot_is_heard_before_acceptance_and_what_we_asked_for() -> None:
    """B01.FR.10, B02.FR.09, B03.FR.07."""
    for protocol in (Protocol.OCPP201, Protocol.OCPP21):
        for state in (PENDING, REJECTED):
            assert may_call(state, protocol, "BootNotification", ())
            for action in ("StatusNotification", "Heartbeat", "TransactionEvent", "NotifyReport", "Nonsense"):
                assert not may_call(state, protocol, action, ()), action
        assert may_call(PENDING, protocol, "NotifyReport", {"NotifyReport"})
        assert not may_call(REJECTED, protocol, "NotifyReport", {"NotifyReport"})
        assert may_call(ACCEPTED, protocol, "Nonsense", ()), "what is wrong with it is said elsewhere"


def test_a_1_6_station_never_loses_a_transaction_for_not_being_accepted() -> None:
    """1.6 §4.2.1; what is answered with an error many stations drop for ever (rule 15)."""
    for state in (PENDING, REJECTED):
        for action in ("StartTransaction", "MeterValues", "StopTransaction"):
            assert may_call(state, Protocol.OCPP16, action, ())
        for action in ("Authorize", "StatusNotification", "Heartbeat"):
            assert not may_call(state, Protocol.OCPP16, action, ())


@pytest.mark.parametrize(
    ("action", "fields", "invited"),
    [
        ("TriggerMessage", b'{"requestedMessage":"StatusNotification"}', "StatusNotification"),
        ("TriggerMessage", b'{"requestedMessage":"SignV2GCertificate"}', "SignCertificate"),
        ("ExtendedTriggerMessage", b'{"requestedMessage":"SignChargePointCertificate"}', "SignCertificate"),
        ("GetBaseReport", b'{"requestId":1,"reportBase":"FullInventory"}', "NotifyReport"),
        ("GetReport", b'{"requestId":1}', "NotifyReport"),
        ("GetVariables", b"{}", None),
    ],
)
def test_what_we_call_invites_what_the_station_calls_then(
    action: str, fields: bytes, invited: str | None
) -> None:
    """B02.FR.02."""
    assert invitation(action, fields) == invited


def test_a_held_station_is_asked_and_set_up_but_starts_nothing_and_a_rejected_one_is_told_nothing() -> None:
    """B02.FR.01, B02.FR.05, B03.FR.03; 1.6 §4.2."""
    for action in ("RequestStartTransaction", "RequestStopTransaction", "RemoteStartTransaction"):
        assert withheld(ACCEPTED, action) is None
        assert "starts and stops no session" in str(withheld(PENDING, action))
    for action in ("GetBaseReport", "SetVariables", "TriggerMessage", "Reset", "ChangeConfiguration"):
        assert withheld(PENDING, action) is None
        assert "nothing is sent" in str(withheld(REJECTED, action))


def test_a_station_that_is_not_accepted_is_never_left_to_choose_when_it_asks_again() -> None:
    """B02.FR.07, B03.FR.05: with 0 it would."""
    assert [interval_s(state) for state in Admission] == [300, 60, 900]

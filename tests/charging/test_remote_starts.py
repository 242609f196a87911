"""Rule 33: a remote start that was accepted and led to nothing is told."""

from __future__ import annotations

import msgspec
import pytest
from test_sessions import CARD, Desk, at, command, connected, start16

from elstrada.model import asks
from elstrada.model import facts as f
from elstrada.model.device import CommandName, CommandResult


def accepted(result: CommandResult = CommandResult.ACCEPTED) -> Desk:
    desk = connected()
    desk.ask(command(CommandName.START, token=CARD, evse_id=1), at(1))
    desk.ask(asks.CommandReply(command_id="k1", result=result), at(2))
    return desk


@pytest.mark.rule(33)
def test_an_accepted_remote_start_that_nobody_followed_lapses_once() -> None:
    desk = accepted()
    assert desk.state.awaits_a_start
    assert desk.ask(asks.Tick(start_wait_s=180), at(181)).facts == ()
    assert desk.ask(asks.Tick(start_wait_s=180), at(182)).facts == (f.RemoteStartLapsed("k1", 180),)
    assert not desk.state.awaits_a_start
    assert desk.ask(asks.Tick(start_wait_s=180), at(999)).facts == ()
    assert [fact.result for fact in desk.told(f.CommandAnswered)] == [CommandResult.ACCEPTED], "P5"  # type: ignore[union-attr]


@pytest.mark.rule(33)
def test_one_that_a_session_followed_does_not_lapse() -> None:
    desk = accepted()
    desk.ask(start16(100), at(100))
    assert desk.ask(asks.Tick(start_wait_s=180), at(900)).facts == ()


def test_one_whose_session_began_before_the_reply_does_not_lapse() -> None:
    desk = connected()
    desk.ask(command(CommandName.START, token=CARD, evse_id=1), at(1))
    desk.ask(start16(2), at(2))
    desk.ask(asks.CommandReply(command_id="k1", result=CommandResult.ACCEPTED), at(3))
    assert desk.ask(asks.Tick(start_wait_s=180), at(900)).facts == ()


def test_one_that_was_rejected_does_not_lapse() -> None:
    assert accepted(CommandResult.REJECTED).ask(asks.Tick(start_wait_s=180), at(900)).facts == ()


def test_another_command_meanwhile_forgets_no_remote_start() -> None:
    desk = accepted()
    desk.ask(msgspec.structs.replace(command(CommandName.RESET), command_id="k2"), at(700))
    desk.ask(asks.CommandReply(command_id="k2", result=CommandResult.ACCEPTED), at(701))
    assert desk.ask(asks.Tick(), at(720)).facts == (f.RemoteStartLapsed("k1", 718),)


def test_remote_starts_that_lapsed_before_lapses_were_recorded_are_forgotten() -> None:
    desk = accepted()
    desk.ask(msgspec.structs.replace(command(CommandName.RESET), command_id="k2"), at(2 * 3600))
    assert "k1" not in desk.state.commands

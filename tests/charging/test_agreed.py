"""A partner's token at a station: who is asked and what holds when nobody answers, as agreed with its party."""

from __future__ import annotations

import pytest
from test_sessions import CARD, CPO, EMSP, T0, token

from elstrada.charging.authorize import judge, local_verdict, question
from elstrada.charging.session import _tariff_of  # pyright: ignore[reportPrivateUsage]
from elstrada.charging.state import StationState
from elstrada.model.agreement import Asking, Silence, Standing
from elstrada.model.allowance import Allowance
from elstrada.model.answers import AskParty
from elstrada.model.asks import PresentedToken
from elstrada.model.token import Allowed, AuthMethod, Verdict, Whitelist

STATE = StationState(owner=CPO, station_id="S1")
ASKED = None
YES = Verdict(Allowed.ALLOWED, AuthMethod.AUTH_REQUEST, EMSP)


def shown(
    standing: Standing, *, whitelist: Whitelist = Whitelist.ALLOWED, valid: bool = True
) -> PresentedToken:
    known = token(whitelist=whitelist, valid=valid)
    return PresentedToken(uid="04A1", ref="r1", known=known, standing=standing)


@pytest.mark.parametrize(
    ("asking", "whitelist", "expected"),
    [
        (Asking.BY_TOKEN, Whitelist.ALWAYS, Allowed.ALLOWED),
        (Asking.BY_TOKEN, Whitelist.NEVER, ASKED),
        (Asking.ALWAYS, Whitelist.ALWAYS, ASKED),
        (Asking.ALWAYS, Whitelist.ALLOWED, ASKED),
        (Asking.WHITELIST, Whitelist.ALLOWED_OFFLINE, Allowed.ALLOWED),
        (Asking.WHITELIST, Whitelist.NEVER, Allowed.NOT_ALLOWED),
    ],
)
def test_r49_who_is_asked_is_as_agreed(asking: Asking, whitelist: Whitelist, expected: Allowed | None):
    found = local_verdict(STATE, shown(Standing(asking=asking), whitelist=whitelist))
    assert (None if found is None else found.allowed) is expected


def test_a_blocked_token_never_charges_whatever_is_agreed():
    found = local_verdict(STATE, shown(Standing(asking=Asking.WHITELIST), valid=False))
    assert found is not None
    assert found.allowed is Allowed.BLOCKED


@pytest.mark.parametrize(
    ("silence", "whitelist", "expected"),
    [
        (Silence.BY_TOKEN, Whitelist.ALLOWED, Allowed.ALLOWED),
        (Silence.BY_TOKEN, Whitelist.NEVER, Allowed.NOT_ALLOWED),
        (Silence.REFUSE, Whitelist.ALLOWED, Allowed.NOT_ALLOWED),
        (Silence.ALLOW, Whitelist.NEVER, Allowed.ALLOWED),
    ],
)
def test_r49_what_holds_when_nobody_answers_is_as_agreed(
    silence: Silence, whitelist: Whitelist, expected: Allowed
):
    asked = question(STATE, shown(Standing(silence=silence), whitelist=whitelist), 1)
    assert asked.fallback.allowed is expected


def test_what_its_party_allows_or_started_itself_is_not_refused_again():
    bounded = shown(Standing(refusal="2 sessions of its party run, of 2 agreed"))
    refused = judge(STATE, bounded, 1, T0, None)
    assert not isinstance(refused, AskParty)
    assert (refused.allowed, refused.note) == (
        Allowed.NOT_ALLOWED,
        "2 sessions of its party run, of 2 agreed",
    )
    assert judge(STATE, bounded, 1, T0, YES) == YES


@pytest.mark.parametrize(
    ("own", "agreed", "expected"), [("", "", None), ("", "PT", "PT"), ("D1", "PT", "D1"), ("D1", "", "D1")]
)
def test_a_session_is_priced_by_its_tokens_own_tariff_before_its_partys(
    own: str, agreed: str, expected: str | None
):
    allowance = Allowance(currency="SEK", tariff_id=own) if own else None
    presented = PresentedToken(
        uid="04A1", ref="r1", known=CARD.known, allowance=allowance, standing=Standing(tariff_id=agreed)
    )
    assert _tariff_of(presented, YES) == expected
    assert _tariff_of(presented, Verdict(Allowed.BLOCKED, AuthMethod.WHITELIST, EMSP)) is None

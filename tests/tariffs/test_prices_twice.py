"""The engine and a naive pricer with exact fractions agree on random CDRs of every version."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import msgspec
import pytest
from naive_pricer import Bill, Reading, bill, rounded
from random_prices import ZONES, some_cdr
from tariff_vectors import Vector
from test_price_vectors import EDITIONS, cases

from cdr_documents import VERSIONS, as_line
from elstrada.model.cost import Cost, Price
from elstrada.roles.rerating import POLICIES, Rerating
from elstrada.tariffs.policy import Policy, PriceLimits, Steps
from elstrada.tariffs.refusals import NotPriced

PARTS = ("fixed", "energy", "time", "parking", "reservation")


OTHERS: dict[str, tuple[str, object]] = {
    "A2": ("empty_window_is_never", True),
    "A3": ("midnight_is_never", True),
    "A4": ("days_of_window_start", True),
    "A5": ("untold_power_fits", True),
    "A6": ("touching_power_fits", True),
    "A7": ("step_what_is_free", True),
    "A8": ("step_last_time", True),
    "A10": ("one_fixed_price", True),
    "A11": ("durations_from_reservation", True),
    "A12": ("limits", PriceLimits.NONE),
    "A15": ("snap_hours", False),
    "A22": ("energy_back_is_free", True),
}
"""Settings that answer an open question the other way, as far as both pricers know them."""


def policy_for(random: Random, version: str) -> Policy:
    """Mostly the version's own."""
    usual = POLICIES[version]
    if random.random() < 0.7:
        return usual
    others = random.sample(sorted(OTHERS), random.choice([0, 0, 1, 1, 2, 4]))
    return msgspec.structs.replace(
        usual,
        steps=random.choice(list(Steps)),
        one_element=random.random() < 0.3,
        **dict(OTHERS[name] for name in others),
    )


def reading_of(policy: Policy) -> Reading:
    other = frozenset(name for name, (setting, value) in OTHERS.items() if getattr(policy, setting) == value)
    return Reading(policy.steps.value, policy.one_element, policy.silence_is_no_tax, other=other)


def compare(random: Random, version: str) -> str:
    """Price one CDR thrice: naively, with lines, and without; and tell what became of it."""
    policy, zone, expired = policy_for(random, version), random.choice(ZONES), random.random() < 0.5
    body = as_line(some_cdr(random, version))
    found = bill(body, version, zone, expired, reading_of(policy))
    rerating = Rerating(
        version=version, time_zone=zone, reservation_expired=expired, policies={version: policy}
    )
    cost, refusal = priced(rerating, body)
    assert found.refusal == refusal, body
    if cost is None:
        return refusal
    hold_against(cost, found, (version, zone, expired, policy, body))
    assert rerating.rate(body, lines=False).cost == msgspec.structs.replace(cost, lines=()), body
    return "priced"


def priced(rerating: Rerating, body: bytes) -> tuple[Cost | None, str]:
    """A CDR's cost, or the name of why there is none."""
    try:
        return rerating.rate(body).cost, ""
    except NotPriced as refusal:
        return None, type(refusal).__name__


def hold_against(cost: Cost, found: Bill, told: object) -> None:
    assert figures(cost.total) == (rounded(found.net, 2), found.gross and rounded(found.gross, 2)), told
    for part in PARTS:
        ours, theirs = getattr(cost, part), found.parts.get(part)
        assert (ours is None) == (theirs is None), (part, told)
        if ours is not None and theirs is not None:
            net, gross = theirs
            expected = (rounded(net, 4), None if gross is None else rounded(gross, 4))
            assert figures(ours) == expected, (part, told)


def figures(price: Price) -> tuple[Fraction, Fraction | None]:
    after = price.after_taxes
    return Fraction(price.before_taxes), None if after is None else Fraction(after)


def compare_many(seed: int, count: int) -> dict[str, int]:
    random, seen = Random(seed), dict[str, int]()
    for n in range(count):
        became = compare(random, VERSIONS[n % len(VERSIONS)])
        seen[became] = seen.get(became, 0) + 1
    return seen


def test_two_pricers_agree_on_three_hundred_random_cdrs() -> None:
    seen = compare_many(1, 300)
    assert seen["priced"] > 200
    assert {"NoTariff", "WrongCurrency", "NetUnknown"} < set(seen)


@pytest.mark.parametrize("vector", cases("spec"))
def test_the_naive_pricer_gives_the_published_figures_by_itself(vector: Vector) -> None:
    policy = EDITIONS[vector.version]
    found = bill(
        vector.cdr,
        vector.version,
        vector.usage.time_zone,
        vector.usage.reservation_expired,
        reading_of(policy),
    )
    wanted = vector.expected["total_excl"], vector.expected["total_incl"]
    if wanted[0] is None:
        assert found.refusal == "NetUnknown"
        return
    assert found.refusal == ""
    gross = None if found.gross is None else rounded(found.gross, vector.decimals)
    assert (rounded(found.net, vector.decimals), gross) == tuple(
        None if figure is None else Fraction(figure) for figure in wanted
    )


@pytest.mark.soak
def test_two_pricers_agree_on_a_hundred_thousand_random_cdrs() -> None:
    seen = compare_many(2, 100_000)
    assert seen["priced"] > 70_000

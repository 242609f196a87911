"""When a station has settled: laws (rule 5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from elstrada.charging.settling import Coming, come
from elstrada.model.settling import SettleRules

NOW = datetime(2026, 3, 1, tzinfo=UTC)
RULES = st.builds(SettleRules, quiet_s=st.floats(0, 60), most_s=st.floats(0, 600))
WORDS = st.lists(st.tuples(st.sampled_from(["Heartbeat", "StatusNotification"]), st.floats(0, 600)))


def _told(words: list[tuple[str, float]]) -> tuple[Coming, datetime]:
    """A station that says these words, and when it told something last."""
    coming = come(NOW)
    for action, after_s in words:
        coming = coming.heard(action, NOW + timedelta(seconds=after_s))
    last = max((after_s for action, after_s in words if action != "Heartbeat"), default=0.0)
    return coming, NOW + timedelta(seconds=last)


@given(WORDS, RULES)
def test_a_station_settles_after_its_last_word_and_never_later_than_the_bound(
    words: list[tuple[str, float]], rules: SettleRules
) -> None:
    coming, last = _told(words)
    bound, quiet = NOW + timedelta(seconds=rules.most_s), last + timedelta(seconds=rules.quiet_s)
    assert coming.settles_at(rules) == min(bound, quiet)


@given(WORDS, RULES, st.floats(0, 600))
def test_one_more_word_never_makes_it_settle_earlier_and_a_heartbeat_never_later(
    words: list[tuple[str, float]], rules: SettleRules, after_s: float
) -> None:
    coming, at = _told(words)[0], NOW + timedelta(seconds=after_s)
    assert coming.heard("MeterValues", at).settles_at(rules) >= coming.settles_at(rules)
    assert coming.heard("Heartbeat", at) == coming

"""Times and numbers on the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elstrada.ocpi.scalars import Instant, fits, number, party, same, whole

NOON = datetime(2026, 2, 3, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-03T12:00:00Z",
        "2026-02-03T12:00:00",  # no zone is UTC.
        "2026-02-03T12:00:00+00:00",
        "2026-02-03T13:00:00+01:00",
        "2026-02-03T13:00:00+0100",
        "2026-02-03T12:00:00.000Z",
        "2026-2-3T12:00:00Z",  # A sample of the standard lacks the padding.
    ],
)
def test_r18_every_spelling_of_an_instant_is_the_same_instant(text: str):
    assert Instant.parse(text).at == NOON


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-02-30T00:00:00Z",
        "2026-02-03",
        "2026-02-03T25:00:00Z",
        "٢٠٢٦-02-03T12:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "2026-02-03T12:00:00+99:00",
        "2026-02-03T12:00:00Z; DROP",
    ],
)
def test_r18_what_is_no_instant_is_refused_and_never_crashes(text: str):
    with pytest.raises(ValueError):  # noqa: PT011  Any ValueError becomes a Mismatch with a path.
        Instant.parse(text)


def test_r18_output_ends_in_z_even_for_a_local_time():
    assert str(Instant(NOON.astimezone(timezone(timedelta(hours=2))))) == "2026-02-03T12:00:00Z"


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1), max_value=datetime(9000, 1, 1)))  # noqa: DTZ001
def test_an_instant_written_fits_25_characters_and_reads_back_to_the_millisecond(at: datetime):
    text = str(Instant(at))
    assert len(text) <= 25
    assert Instant.parse(text).at == at.replace(microsecond=at.microsecond // 1000 * 1000)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12))
def test_r65_a_number_has_at_most_four_decimals_and_no_exponent(value: Decimal):
    written = number(value)
    assert "E" not in f"{written}" or written == 0
    assert -written.as_tuple().exponent <= 4
    assert abs(written - value) <= Decimal("0.00005")
    assert fits(value) == (written == value)


def test_a_whole_number_with_decimals_is_read():
    assert whole(Decimal("230.0")) == 230


def test_r22_parties_and_ids_compare_without_case():
    assert party("se", "els") == party("SE", "ELS")
    assert same("Loc-1", "lOC-1")

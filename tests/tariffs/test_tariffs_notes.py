"""The engine's notes are known again, and told in every language."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from elstrada.billing.called_off import NOTE
from elstrada.billing.reissue import credit_cost
from elstrada.model.ids import PartyId
from elstrada.model.measured import Measured
from elstrada.model.session import ChargingPeriod, PeriodDimension
from elstrada.model.tariff import (
    Dimension,
    PriceComponent,
    PriceLimit,
    Tariff,
    TariffElement,
    TariffRestrictions,
)
from elstrada.tariffs.compile import compiled
from elstrada.tariffs.explain import explain
from elstrada.tariffs.notes import MORE, told
from elstrada.tariffs.phrases import BOOKS, Tongue
from elstrada.tariffs.policy import Policy
from elstrada.tariffs.price import price
from elstrada.tariffs.segment import Cutter
from elstrada.tariffs.usage import Usage

NOON = datetime(2026, 2, 10, 12, tzinfo=UTC)
ENERGY = PriceComponent(Dimension.ENERGY, Decimal(4), Decimal(25))


def tariff(*elements: TariffElement, id: str = "T1", max_price: PriceLimit | None = None) -> Tariff:
    party = PartyId("SE", "ELS")
    return Tariff(
        party=party, id=id, currency="SEK", elements=elements, max_price=max_price, last_updated=NOON
    )


def usage(*more: PeriodDimension) -> Usage:
    """Two hours with 10 kWh, in one period."""
    period = ChargingPeriod(NOON, (PeriodDimension("ENERGY", Decimal(10)), *more))
    return Usage(
        start=NOON,
        end=NOON + timedelta(hours=2),
        time_zone="Europe/Stockholm",
        currency="SEK",
        periods=(period,),
    )


def returned() -> Usage:
    """Two hours, in which a car gives 10 kWh."""
    given = ChargingPeriod(NOON, (PeriodDimension("ENERGY", Decimal(-10)),))
    return msgspec.structs.replace(usage(), periods=(given,))


def limited(**limits: object) -> TariffElement:
    return TariffElement((ENERGY,), msgspec.convert(limits, TariffRestrictions))


BAND = (PeriodDimension("MIN_POWER", Decimal(3)), PeriodDimension("MAX_POWER", Decimal(20)))
ALWAYS = TariffElement((ENERGY,))
BY_TIME = TariffElement((PriceComponent(Dimension.TIME, Decimal(6)),))


def cut(*elements: TariffElement, untold: bool = False) -> str:
    """The note on cutting those two hours, between two readings, by these prices."""
    (period,) = usage().periods
    measured = Measured(period=period, end=NOON + timedelta(hours=2), untold=untold)
    cutter = Cutter(compiled(tariff(*elements)), NOON, "Europe/Stockholm")
    (note,) = cutter.take([measured]).segments().notes
    return note


def notes_of_the_engine() -> Iterator[tuple[str, str]]:
    """Each kind of note and of reason that pricing writes, by its phrase."""
    stepped = TariffElement((PriceComponent(Dimension.ENERGY, Decimal(4), Decimal(25), 3000),))
    cases = {
        "note.no_tariff_named": price(usage(), [tariff(ALWAYS), tariff(ALWAYS, id="T2")]),
        "note.by_type": price(
            usage(), [msgspec.structs.replace(tariff(ALWAYS), type="PROFILE_FAST"), tariff(ALWAYS, id="T2")]
        ),
        "note.booking": price(
            msgspec.structs.replace(usage(), booked=True), [tariff(ALWAYS, limited(booking="BOOKING"))]
        ),
        "note.returned": price(returned(), [tariff(ALWAYS)]),
        "note.free_of_one": price(usage(), [tariff(BY_TIME, ALWAYS)], Policy(one_element=True)),
        "note.free": price(usage(), [tariff(limited(start_time="22:00"))]),
        "note.not_given": price(usage(), [tariff(limited(min_power=11), ALWAYS)]),
        "note.crosses": price(usage(*BAND), [tariff(limited(min_power=11), ALWAYS)]),
        "note.spans": price(usage(), [tariff(limited(start_time="14:00"), ALWAYS)]),
        "note.all_free": price(usage(), [tariff(TariffElement(()))]),
        "note.limit": price(usage(), [tariff(ALWAYS, max_price=PriceLimit(Decimal(9)))]),
    }
    for phrase, cost in cases.items():
        yield phrase, cost.notes[0]
    yield "reason.step", price(usage(), [tariff(stepped)]).lines[0].reason
    yield "note.estimated", cut(limited(start_time="14:00"), ALWAYS)
    yield "note.estimated_more", cut(limited(start_time="13:30", end_time="14:30"), ALWAYS)
    yield "note.untold", cut(limited(start_time="14:00"), ALWAYS, untold=True)
    yield "note.called_off", NOTE
    yield "note.more", MORE
    yield "note.came_after", "tariff SE*ELS*T1 came after the session began; no earlier form is known (R-43)"
    yield "note.mended", "tariff SE*ELS*T1 counts as it was mended at 2026-11-05T12:00:00Z"
    given_back = credit_cost(price(usage(), [tariff(ALWAYS)]), "C1", "the meter was wrong")
    yield "note.gives_back", given_back.notes[0]
    yield "note.readings", "meter readings out of line were left out: 9 Wh at 12:00:00Z since the start"


@pytest.mark.parametrize(("phrase", "note"), list(notes_of_the_engine()), ids=lambda text: text.split(" ")[0])
def test_a_note_keeps_its_words_in_english_and_has_others_elsewhere(phrase: str, note: str) -> None:
    assert told(note, BOOKS[Tongue.EN]) == note
    for tongue in (Tongue.SV, Tongue.IT):
        text = told(note, BOOKS[tongue])
        start = BOOKS[tongue][phrase].partition("{")[0]
        assert text != note
        assert text.startswith(start)
        assert "{" not in text


def test_every_phrase_of_a_note_is_shown_above() -> None:
    known = {phrase for phrase in BOOKS[Tongue.EN] if phrase.startswith(("note.", "reason.step"))}
    assert {phrase for phrase, _ in notes_of_the_engine()} == known


def test_a_note_that_is_not_known_is_told_as_it_stands() -> None:
    assert told("something new", BOOKS[Tongue.IT]) == "something new"


def test_a_note_in_a_cost_is_told_in_its_language() -> None:
    cost = price(usage(), [tariff(ALWAYS, max_price=PriceLimit(Decimal(9)))])
    lines = explain(cost, "Europe/Stockholm", BOOKS[Tongue.SV])
    assert lines[-1] == "Anmärkning: max_price: 40.00 blev 9.00 före skatt (regel 13)"

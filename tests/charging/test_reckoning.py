"""What stations reckon by themselves: kept now and then on the way, and always at the end (OCPP 2.1 I07, I11)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from elstrada.charging import station
from elstrada.charging.reckoning import KEPT_EVERY
from elstrada.charging.state import StationState, evolve
from elstrada.model import asks
from elstrada.model import facts as f
from elstrada.model.ids import Fresh, PartyId
from elstrada.model.reckoning import Reckoning, StationCost, StationPrice

T0 = datetime(2026, 3, 1, 8, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def costs(amount: str, *tariffs: str) -> Reckoning:
    total = StationPrice(after_taxes=Decimal(amount))
    return Reckoning(tariff_ids=tariffs, cost=StationCost(currency="EUR", total=total))


class Stream:
    """A station's stream in memory."""

    def __init__(self) -> None:
        self.state = StationState(owner=PartyId("SE", "ELS"), station_id="S1")
        self.kept: list[f.SessionReckoned] = []
        self.seq_no = 0

    def ask(self, ask: asks.StationAsk, now: datetime) -> None:
        for fact in station.decide(self.state, ask, now, Fresh("id", 1)).facts:
            self.state = evolve(self.state, fact, now)
            if isinstance(fact, f.SessionReckoned):
                self.kept.append(fact)

    def start(self, reckoning: Reckoning | None = None) -> None:
        self.ask(
            asks.StartSession(
                transaction_id="t", evse_id=1, connector_id=1, at=T0, seq_no=0, reckoning=reckoning
            ),
            T0,
        )

    def update(self, seconds: float, reckoning: Reckoning) -> None:
        self.seq_no += 1
        ask = asks.UpdateSession(transaction_id="t", at=at(seconds), seq_no=self.seq_no, reckoning=reckoning)
        self.ask(ask, at(seconds))

    def end(self, seconds: float, reckoning: Reckoning) -> None:
        self.seq_no += 1
        ask = asks.EndSession(transaction_id="t", at=at(seconds), seq_no=self.seq_no, reckoning=reckoning)
        self.ask(ask, at(seconds))

    @property
    def totals(self) -> list[str]:
        costs = [fact.reckoning.cost for fact in self.kept]
        return [str(cost.total.after_taxes) for cost in costs if cost is not None]


def test_of_a_running_cost_told_every_second_one_in_five_minutes_is_kept_and_the_last_word_always() -> None:
    stream = Stream()
    stream.start()
    for second in range(1, 700):
        stream.update(second, costs(f"{second}.00", "A"))
    stream.end(700, costs("700.00", "A"))
    every = int(KEPT_EVERY.total_seconds())
    assert stream.totals == ["1.00", f"{1 + every}.00", f"{1 + 2 * every}.00", "700.00"]
    assert [fact.final for fact in stream.kept] == [False, False, False, True]


def test_a_tariff_that_took_the_place_of_another_is_kept_at_once() -> None:
    stream = Stream()
    stream.start(Reckoning(tariff_ids=("A",)))
    stream.update(1, costs("1.00", "A", "B"))
    stream.update(2, costs("1.10"))
    stream.update(3, costs("1.20", "A", "B"))
    assert [fact.reckoning.tariff_ids for fact in stream.kept] == [("A",), ("A", "B")]


def test_the_same_said_again_and_what_comes_late_is_no_news() -> None:
    stream = Stream()
    stream.start()
    stream.update(10, costs("1.00"))
    stream.update(1000, costs("1.00"))
    stream.update(5, costs("0.50"))
    stream.end(2000, costs("2.00"))
    stream.end(2000, costs("2.00"))
    stream.update(1500, costs("1.50"))
    assert stream.totals == ["1.00", "2.00"]


def test_the_cost_comes_before_the_end_so_that_whoever_prices_the_session_knows_it() -> None:
    stream = Stream()
    stream.start()
    ask = asks.EndSession(transaction_id="t", at=at(9), seq_no=1, reckoning=costs("2.00"))
    kinds = [type(fact) for fact in station.decide(stream.state, ask, at(9), Fresh("id", 1)).facts]
    assert kinds == [f.SessionReckoned, f.SessionEnded, f.SessionCompleted]

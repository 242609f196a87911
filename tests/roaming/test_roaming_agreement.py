"""What an agreement permits, as a pure decision."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elstrada.model.agreement import (
    DEFAULT,
    Agreement,
    Asking,
    Bounds,
    PartnerTariff,
    Places,
    Which,
)
from elstrada.model.ids import PartyId
from elstrada.model.location import Connector, Evse, EvseStatus, GeoLocation, Location
from elstrada.ocpi.versions import TABLES
from elstrada.roaming.agreement import (
    ENDPOINTS,
    RECEIVER,
    SENDER,
    Taken,
    Terms,
    agrees,
    exceeded,
    may_ask,
    may_call,
    removed,
    seeing,
    sees,
    shown,
    shows_tariff,
    standing,
    turns,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ELS, RET, OTHER = PartyId("SE", "ELS"), PartyId("SE", "RET"), PartyId("SE", "OTH")
MODULES = ("locations", "sessions", "cdrs", "tariffs", "tokens", "commands")


def location(
    id: str = "L1", *, country: str = "SWE", groups: tuple[str, ...] = (), tariff: str = "T1"
) -> Location:
    connector = Connector(
        id="1",
        standard="IEC_62196_T2",
        format="SOCKET",
        power_type="AC_3_PHASE",
        max_voltage=230,
        max_amperage=32,
        tariff_ids=(tariff,),
        last_updated=NOW,
    )
    evse = Evse(uid="E1", status=EvseStatus.AVAILABLE, connectors=(connector,), last_updated=NOW)
    return Location(
        party=ELS,
        id=id,
        name="Secret name",
        address="A",
        city="C",
        country=country,
        coordinates=GeoLocation("1", "2"),
        evses=(evse,),
        time_zone="Europe/Stockholm",
        groups=groups,
        last_updated=NOW,
    )


def terms(agreement: Agreement = DEFAULT, **more: Any) -> Terms:
    return Terms(at=NOW, for_others=agreement, **more)


def test_every_endpoint_of_every_version_has_a_bound_and_no_bound_is_for_nothing():
    names = {endpoint.name for table in TABLES.values() for endpoint in table}
    assert names == set(ENDPOINTS) & names, "say in roaming/agreement.py what bounds these"
    assert set(ENDPOINTS) - names <= {"patch_tariff", "get_evse", "get_connector"}


def test_without_an_agreement_all_is_agreed():
    for module, ours in product(MODULES, (SENDER, RECEIVER)):
        assert agrees(DEFAULT, NOW, module, ours)
    assert sees(DEFAULT, NOW, location())
    assert standing(terms(), RET, Taken(), location()).refusal == ""


@pytest.mark.parametrize(("module", "ours"), list(product(MODULES, (SENDER, RECEIVER))))
def test_a_module_is_agreed_for_the_side_that_is_named(module: str, ours: str):
    one = Agreement(sends=("locations", "cdrs"), receives=("tokens", "commands"))
    expected = module in (("locations", "cdrs") if ours == SENDER else ("tokens", "commands"))
    assert agrees(one, NOW, module, ours) is expected


def test_what_keeps_the_connection_needs_no_agreement():
    assert agrees(Agreement(sends=(), receives=(), valid_to=NOW - DAY), NOW, "credentials", SENDER)


@pytest.mark.parametrize(
    ("begins", "ends", "holds"),
    [
        (None, None, True),
        (NOW, None, True),
        (NOW + DAY, None, False),
        (None, NOW, False),
        (None, NOW + DAY, True),
        (NOW - DAY, NOW + DAY, True),
    ],
)
def test_an_agreement_holds_in_its_time_and_cdrs_outlast_it(
    begins: datetime | None, ends: datetime | None, holds: bool
):
    one = Agreement(valid_from=begins, valid_to=ends)
    assert agrees(one, NOW, "sessions", SENDER) is holds
    assert sees(one, NOW, location()) is holds
    assert may_ask(one, NOW) is holds
    assert (standing(terms(one), RET, Taken()).refusal == "") is holds
    assert agrees(one, NOW, "cdrs", SENDER)


@pytest.mark.parametrize(
    ("places", "seen"),
    [
        (Places(), {"L1", "L2", "L3"}),
        (Places(which=Which.LISTED, locations=("l1",)), {"L1"}),
        (Places(which=Which.LISTED, countries=("NOR",)), {"L2"}),
        (Places(which=Which.LISTED, groups=("north", "south")), {"L3"}),
        (Places(which=Which.LISTED, locations=("L1",), countries=("NOR",)), {"L1", "L2"}),
        (Places(which=Which.LISTED), set[str]()),
        (Places(which=Which.EXCLUDED, locations=("L1",), groups=("north",)), {"L2"}),
        (Places(which=Which.EXCLUDED), {"L1", "L2", "L3"}),
    ],
)
def test_t18_locations_are_listed_or_excluded_by_id_group_and_country(places: Places, seen: set[str]):
    all_of = (location("L1"), location("L2", country="NOR"), location("L3", groups=("north", "x")))
    one = Agreement(places=places)
    assert {each.id for each in all_of if sees(one, NOW, each)} == seen


def test_a_party_with_an_agreement_of_its_own_has_that_and_no_other():
    several = terms(Agreement(sends=()), by_party={RET: Agreement(places=Places(which=Which.LISTED))})
    assert several.of(OTHER).sends == ()
    assert not seeing(several, (RET,), location())
    assert may_call(several, (RET, OTHER), "locations", SENDER)
    assert not may_call(several, (OTHER,), "locations", SENDER)


def test_a_partner_is_shown_its_own_tariff_where_most_is_said_of_it():
    own = (
        PartnerTariff(tariff_id="PT"),
        PartnerTariff(tariff_id="PT-L2", location_id="L2"),
        PartnerTariff(tariff_id="PT-C", location_id="L2", evse_uid="E1", connector_id="1"),
    )
    private = frozenset({"PT", "PT-L2", "PT-C"})
    with_own = terms(Agreement(tariffs=own), private=private)
    assert _tariffs(shown(with_own, (RET,), location("L1"))) == ("PT",)
    assert _tariffs(shown(with_own, (RET,), location("L2"))) == ("PT-C",)
    assert standing(with_own, RET, Taken(), location("L2"), ("E1", "1")).tariff_id == "PT-C"
    assert standing(with_own, RET, Taken(), location("L2"), ("E2", "1")).tariff_id == "PT-L2"
    assert standing(with_own, RET, Taken()).tariff_id == "", "what is not known of the place prices nothing"
    assert shows_tariff(with_own, (RET,), "PT")


def test_t18_a_tariff_made_for_another_partner_is_not_shown_not_even_its_id():
    others = terms(private=frozenset({"PT"}))
    assert not shows_tariff(others, (RET,), "PT")
    assert shows_tariff(others, (RET,), "T1")
    assert _tariffs(shown(others, (RET,), location(tariff="PT"))) == ()
    assert _tariffs(shown(others, (RET,), location(tariff="T1"))) == ("T1",)


def test_what_is_removed_tells_no_more_than_that():
    gone = removed(location(groups=("north",)), NOW + DAY)
    assert [evse.status for evse in gone.evses] == [EvseStatus.REMOVED]
    assert b"Secret" not in msgspec.json.encode(gone)
    assert (_tariffs(gone), gone.groups, gone.last_updated) == ((), (), NOW + DAY)


@pytest.mark.parametrize(
    ("bounds", "says"),
    [
        (Bounds(), ""),
        (Bounds(open_sessions=3), ""),
        (Bounds(open_sessions=2), "2 sessions"),
        (Bounds(energy_wh=1001), ""),
        (Bounds(energy_wh=1000), "1000 Wh"),
        (Bounds(cost=Decimal("10.01")), ""),
        (Bounds(cost=Decimal(10)), "owes 10"),
    ],
)
def test_a_further_session_keeps_the_bounds(bounds: Bounds, says: str):
    taken = Taken(open_sessions=2, energy_wh=1000, cost=Decimal(10))
    found = exceeded(bounds, taken)
    assert says in found if says else not found


@pytest.mark.parametrize(
    ("asking", "asked", "refused"),
    [
        (Asking.BY_TOKEN, True, False),
        (Asking.ALWAYS, True, False),
        (Asking.WHITELIST, False, False),
        (Asking.NEVER, False, True),
    ],
)
def test_who_is_asked_is_agreed(asking: Asking, asked: bool, refused: bool):
    one = Agreement(asking=asking)
    assert may_ask(one, NOW) is asked
    assert bool(standing(terms(one), RET, Taken()).refusal) is refused


def test_the_moments_to_come_at_which_something_changes():
    times = terms(
        Agreement(valid_from=NOW - DAY, valid_to=NOW + DAY),
        by_party={RET: Agreement(valid_from=NOW + 2 * DAY)},
    )
    assert turns(times) == [NOW + DAY, NOW + 2 * DAY]


PLACES = st.builds(
    Places,
    which=st.sampled_from(Which),
    locations=st.sampled_from([(), ("L1",), ("L2",)]),
    groups=st.sampled_from([(), ("north",)]),
    countries=st.sampled_from([(), ("SWE",), ("NOR",)]),
)


@given(
    PLACES, st.sampled_from(["L1", "L2"]), st.sampled_from(["SWE", "NOR"]), st.sampled_from([(), ("north",)])
)
def test_what_is_listed_by_one_is_what_is_excluded_by_its_opposite(
    places: Places, id: str, country: str, groups: tuple[str, ...]
):
    there = location(id, country=country, groups=groups)
    listed, excluded = (
        sees(Agreement(places=msgspec.structs.replace(places, which=which)), NOW, there)
        for which in (Which.LISTED, Which.EXCLUDED)
    )
    assert listed is not excluded


def _tariffs(at: Location) -> tuple[str, ...]:
    return at.evses[0].connectors[0].tariff_ids

"""What stands in a station's local list, and what changes it."""

from __future__ import annotations

from datetime import UTC, date, datetime

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from elstrada.charging.locallist import MAX_VERSION, changes, contents, listed, next_version
from elstrada.model.ids import PartyId
from elstrada.model.invoice import Contract
from elstrada.model.locallist import ListEntry, ListRule
from elstrada.model.token import Allowed, Token, Whitelist

RET, OTHER = PartyId("SE", "RET"), PartyId("DE", "AAA")
NOW = datetime(2026, 3, 1, 17, tzinfo=UTC)
CARD = Token(
    party=RET,
    uid="04A1",
    contract_id="C1",
    issuer="Retail",
    valid=True,
    whitelist=Whitelist.ALLOWED,
    last_updated=NOW,
)


def entries(
    *tokens: Token, rule: ListRule | None = None, typed: bool = False, contract: Contract | None = None
) -> dict[str, ListEntry]:
    made = listed(
        [(f"ref-{token.uid}", token) for token in tokens],
        rule or ListRule(),
        typed=typed,
        now=NOW,
        group_ref=lambda group: f"group-{group}",
        contract=lambda _: contract,
    )
    return {entry.key: entry for entry in made}


def test_only_what_its_owner_may_judge_alone_and_somebody_can_show_is_listed() -> None:
    """R-49: of ALLOWED_OFFLINE and NEVER, the party is asked."""
    for whitelist in Whitelist:
        alone = whitelist in (Whitelist.ALWAYS, Whitelist.ALLOWED)
        assert bool(entries(replace(CARD, whitelist=whitelist))) is alone
    assert entries(replace(CARD, type="APP_USER")) == {}
    assert entries(replace(CARD, type="EMAID")).keys() == {"ref-04A1"}


def test_a_rule_may_name_issuers_and_groups() -> None:
    fleet = replace(CARD, group_id="FLEET")

    assert entries(CARD, rule=ListRule(issuers=(OTHER,))) == {}
    assert entries(CARD, rule=ListRule(groups=("FLEET",))) == {}
    assert entries(fleet, rule=ListRule(groups=("FLEET",)))["ref-04A1"].group_ref == "group-FLEET"


def test_a_withdrawn_token_stays_as_blocked_and_comes_last() -> None:
    blocked = replace(CARD, uid="0000", valid=False)
    made = entries(blocked, CARD)

    assert [entry.allowed for entry in made.values()] == [Allowed.ALLOWED, Allowed.BLOCKED]


def test_an_entry_ends_with_the_day_on_which_its_contract_does() -> None:
    contract = Contract(
        owner=RET,
        id="C1",
        customer_id="K1",
        plan_id="P1",
        supply_point_id="1",
        valid_from=date(2025, 1, 1),
        valid_to=date(2026, 3, 1),
    )
    entry = entries(CARD, contract=contract)["ref-04A1"]
    over = entries(CARD, contract=replace(contract, valid_to=date(2026, 2, 28)))["ref-04A1"]
    ahead = entries(CARD, contract=replace(contract, valid_from=date(2026, 3, 2)))["ref-04A1"]

    assert (entry.allowed, entry.expires_at) == (Allowed.ALLOWED, datetime(2026, 3, 2, tzinfo=UTC))
    assert (over.allowed, ahead.allowed) == (Allowed.EXPIRED, Allowed.NOT_ALLOWED)


def test_one_uid_of_two_types_is_two_tokens_only_where_stations_tell_types() -> None:
    emaid = replace(CARD, type="EMAID", valid=False)

    assert entries(emaid, CARD)["ref-04A1"].allowed is Allowed.ALLOWED
    assert entries(emaid, CARD, typed=True).keys() == {"ref-04A1/EMAID", "ref-04A1/RFID"}


def test_what_an_entry_is_known_by_tells_nothing_of_its_uid() -> None:
    (one,), (other,) = entries(CARD).values(), entries(replace(CARD, uid="9999")).values()

    assert list(contents([one]).values()) == list(contents([other]).values())
    assert contents([one]) != contents([replace(one, allowed=Allowed.BLOCKED)])


def test_who_was_erased_cannot_be_named_to_be_taken_out() -> None:
    """So the list is sent whole."""
    assert changes({"gone": "1"}, (), {}) is None


_KEYS = st.sampled_from("abcdef")
_LISTS = st.dictionaries(_KEYS, st.sampled_from([Allowed.ALLOWED, Allowed.BLOCKED, Allowed.EXPIRED]))


@given(before=_LISTS, after=_LISTS)
def test_a_list_with_its_changes_is_the_list_that_is_wanted(
    before: dict[str, Allowed], after: dict[str, Allowed]
) -> None:
    had, wanted = (
        [ListEntry(key=key, uid=key.upper(), type="RFID", allowed=allowed) for key, allowed in one.items()]
        for one in (before, after)
    )
    news = changes(contents(had), wanted, {key: (key.upper(), "RFID") for key in before})
    assert news is not None
    held = dict(before)
    for entry in news:
        if entry.allowed is None:
            del held[entry.key]
        else:
            held[entry.key] = entry.allowed

    assert held == after
    assert len(news) == len({key for key in before | after if before.get(key) != after.get(key)})


def test_versions_rise_above_all_that_were_given_and_are_never_zero() -> None:
    """0 says that the list is empty, -1 that there is none (1.6 §5.13)."""
    assert [next_version(None, 0, 1), next_version(3, 0, 2), next_version(3, 9, 1)] == [1, 4, 10]
    assert next_version(MAX_VERSION - 1, 0, 1) == MAX_VERSION
    assert next_version(MAX_VERSION, 0, 1) is None

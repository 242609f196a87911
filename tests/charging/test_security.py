"""T4, T6: which profile a station may come with, and whose certificate a certificate is."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elstrada.charging.security import demanded, proven
from elstrada.charging.trust import Credential, Entry, Proof, claimed, may_enter
from elstrada.model.security import ClientCertificate, Secured, SecurityProfile, StationSecurity

NOW = datetime(2026, 3, 1, tzinfo=UTC)
BASIC, TLS, OWN = SecurityProfile
PASSWORD = "Basic " + base64.b64encode(b"CP1:secret").decode()

steps = st.lists(st.tuples(st.sampled_from(("comes", "asked", "lowered")), st.sampled_from(SecurityProfile)))


@given(steps)
def test_what_is_demanded_falls_only_where_an_operator_says_so_and_never_back_to_1(
    taken: list[tuple[str, SecurityProfile]],
) -> None:
    security = StationSecurity()
    for who, profile in taken:
        before = security
        if who == "comes":
            if profile < security.minimum:
                continue  # It is not let in.
            security = proven(security, profile) or security
            assert security.minimum >= before.minimum
            assert security.proven >= profile
        else:
            asked = demanded(security, profile, lower=who == "lowered")
            if isinstance(asked, str):
                continue
            security = asked
            assert security.minimum is profile
            assert who == "lowered" or security.minimum >= before.minimum
            assert security.minimum > BASIC or security.proven is BASIC


def test_the_first_success_raises_and_a_step_back_is_not_undone_by_the_next_connection() -> None:
    security = proven(StationSecurity(), OWN)
    assert security == StationSecurity(minimum=OWN, proven=OWN)
    assert demanded(security, TLS, lower=False) == "that is less than the profile 3 that is demanded now"
    stepped = demanded(security, TLS, lower=True)
    assert stepped == StationSecurity(minimum=TLS, proven=OWN)
    assert proven(stepped, OWN) is None
    assert "no way leads back" in str(demanded(stepped, BASIC, lower=True))


def test_what_an_operator_asked_for_too_early_may_be_taken_back() -> None:
    asked = demanded(StationSecurity(), TLS, lower=False)
    assert isinstance(asked, StationSecurity)
    assert demanded(asked, BASIC, lower=True) == StationSecurity()


def certificate(name: str = "CP1", organization: str = "Els", ends: timedelta = timedelta(1)) -> Secured:
    return Secured(ClientCertificate(name, organization, NOW + ends))


@pytest.mark.parametrize(("secured", "profile"), [(None, BASIC), (Secured(), TLS), (certificate(), OWN)])
def test_the_profile_is_how_it_came(secured: Secured | None, profile: SecurityProfile) -> None:
    entry = claimed("/ocpp/CP1", PASSWORD, secured, now=NOW)
    assert isinstance(entry, Entry)
    assert entry.profile is profile


@pytest.mark.parametrize(
    ("secured", "says"),
    [
        (certificate("CP2"), "the certificate is of 'CP2', not of 'CP1'"),
        (certificate(""), "the certificate is of '', not of 'CP1'"),
        (certificate("cp1"), "the certificate is of 'cp1', not of 'CP1'"),
        (certificate(organization="Other"), "the certificate of CP1 is of 'Other', not of 'Els'"),
        (certificate(ends=timedelta(0)), "the certificate of CP1 has ended"),
    ],
)
def test_anothers_certificate_is_not_made_good_by_a_password_t6(secured: Secured, says: str) -> None:
    assert claimed("/ocpp/CP1", PASSWORD, secured, now=NOW, organization="Els") == says


def test_without_a_certificate_a_password_is_needed_by_tls_too() -> None:
    assert claimed("/ocpp/CP1", None, Secured(), now=NOW) == "no Basic authorization"


def test_a_certificate_does_not_tell_two_owners_apart() -> None:
    entry = claimed("/ocpp/CP1", None, certificate(), now=NOW)
    assert isinstance(entry, Entry)
    one, other = (Credential(owner, "CP1", b"hash") for owner in ("SE*ELS", "SE*OTH"))
    assert may_enter(entry, [one], _never) == Proof(one)
    assert may_enter(entry, [one, other], _never) is None
    assert may_enter(entry, [], _never) is None


def _never(station_id: str, password: bytes) -> bytes:
    raise AssertionError("a certificate needs no password")

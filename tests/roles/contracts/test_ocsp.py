"""OCSP responders and revocation lists asked over real HTTP, through the guarded client."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from cryptography.x509.ocsp import load_der_ocsp_request
from cryptography.x509.oid import ExtendedKeyUsageOID

from contracts import DAY, Holder, Pki, Responder, issued, world
from elstrada.model.certificates import CertificateId, CertificateState, StatusQuestion
from elstrada.model.http import HttpResponse
from elstrada.net.client import GuardedClient
from elstrada.net.clock import SystemClock
from elstrada.net.egress import EgressRules
from elstrada.roles.contracts.face import Known, NoStatus
from elstrada.roles.contracts.ocsp import answer, question
from elstrada.roles.contracts.responders import Responders
from elstrada.roles.contracts.revocations import listed
from elstrada.roles.signing.hashes import hash_data


class SetClock(SystemClock):
    ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Scene(NamedTuple):
    pki: Pki
    responder: Responder
    responders: Responders
    clock: SetClock
    known: Known

    def question(self, holder: Holder, *, by_list: bool = False, algorithm: str = "SHA256") -> StatusQuestion:
        return StatusQuestion(named(holder, algorithm), (self.responder.url,), by_list)


def named(holder: Holder, algorithm: str = "SHA256") -> CertificateId:
    told = hash_data(holder.certificate, holder.issuer.certificate, algorithm)
    return CertificateId(told.hash_algorithm, told.issuer_name_hash, told.issuer_key_hash, told.serial_number)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with world() as (responder, _):
        pki, clock = Pki(responder), SetClock()
        http = GuardedClient(EgressRules(plain_http=True, hosts=frozenset({"127.0.0.1"})))
        known = Known((pki.root.certificate, pki.sub1.certificate, pki.sub2.certificate))
        yield Scene(pki, responder, Responders(http, clock, 2), clock, known)
        await http.close()


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
async def test_a_good_and_a_revoked_certificate_are_told_apart(scene: Scene, algorithm: str) -> None:
    good, bad = scene.pki.contract(), scene.pki.contract()
    scene.responder.revoke(bad)
    for holder, state in ((good, CertificateState.GOOD), (bad, CertificateState.REVOKED)):
        told = await scene.responders.ask(scene.question(holder, algorithm=algorithm), scene.known)
        assert (told.state, told.verified) == (state, True)


async def test_an_answer_is_kept_until_it_ends_and_no_longer(scene: Scene) -> None:
    question = scene.question(scene.pki.contract())
    first = await scene.responders.ask(question, scene.known)
    assert await scene.responders.ask(question, scene.known) == first
    assert len(scene.responder.asked) == 1
    scene.clock.ahead = timedelta(minutes=61)
    scene.responder.ends = timedelta(hours=3)
    await scene.responders.ask(question, scene.known)
    assert len(scene.responder.asked) == 2


async def test_what_was_believed_of_nobody_is_not_believed_once_its_issuer_is_known(scene: Scene) -> None:
    """An answer is kept for those authorities only by which it was judged."""
    contract = scene.pki.contract()
    scene.responder.signer = issued("Stranger")
    told = await scene.responders.ask(scene.question(contract), Known())
    assert not told.verified
    with pytest.raises(NoStatus, match="not signed"):
        await scene.responders.ask(scene.question(contract), scene.known)


async def test_a_delegate_of_the_issuer_may_answer(scene: Scene) -> None:
    contract = scene.pki.contract()
    scene.responder.signer = issued(
        "Responder", scene.pki.sub2, ca=False, uses=[ExtendedKeyUsageOID.OCSP_SIGNING]
    )
    scene.responder.shown = (scene.responder.signer.certificate,)
    told = await scene.responders.ask(scene.question(contract), scene.known)
    assert (told.state, told.verified) == (CertificateState.GOOD, True)


def _sets(**what: object) -> Callable[[Scene], None]:
    def change(scene: Scene) -> None:
        for name, value in what.items():
            setattr(scene.responder, name, value)

    return change


def _signed_by(above: str | None, *, says_so: bool = True, ends: timedelta = DAY) -> Callable[[Scene], None]:
    """By somebody whom ``above`` of the PKI certified, or who certified himself."""

    def change(scene: Scene) -> None:
        uses = [ExtendedKeyUsageOID.OCSP_SIGNING if says_so else ExtendedKeyUsageOID.SERVER_AUTH]
        issuer: Holder | None = getattr(scene.pki, above) if above else None
        signer = issued("Responder", issuer, ca=False, uses=uses, ends=ends)
        scene.responder.signer, scene.responder.shown = signer, (signer.certificate,)

    return change


def _about_another(scene: Scene) -> None:
    scene.responder.about = scene.pki.contract("SERETC00000002X")


BAD = {
    "of a stranger": (_signed_by(None), "not signed"),
    "of a delegate of another authority": (_signed_by("sub1"), "not signed"),
    "of a certificate that is not for it": (_signed_by("sub2", says_so=False), "not signed"),
    "of a delegate that has ended": (_signed_by("sub2", ends=-DAY), "not signed"),
    "about another": (_about_another, "another certificate"),
    "of yesterday": (_sets(begins=-2 * DAY, ends=-DAY), "ended on"),
    "of tomorrow": (_sets(begins=DAY, ends=2 * DAY), "begins on"),
    "no OCSP": (_sets(instead=HttpResponse(200, {}, b"<html>")), "no OCSP response"),
    "an error of OCSP": (_sets(instead=HttpResponse(200, {}, b"\x30\x03\x0a\x01\x03")), "TRY_LATER"),
    "an error of HTTP": (_sets(instead=HttpResponse(503)), "503"),
    "a redirect": (_sets(instead=HttpResponse(302, {"location": "http://127.0.0.1/"})), "302"),
    "too long": (_sets(instead=HttpResponse(200, {}, bytes(20_000))), "20000 bytes"),
}


@pytest.mark.parametrize("how", BAD)
async def test_an_answer_that_may_not_be_believed_is_none(scene: Scene, how: str) -> None:
    contract = scene.pki.contract()
    change, says = BAD[how]
    change(scene)
    with pytest.raises(NoStatus, match=says):
        await scene.responders.ask(scene.question(contract), scene.known)


async def test_the_next_address_is_asked_where_one_does_not_answer(scene: Scene) -> None:
    urls = ("http://127.0.0.1:9/", scene.responder.url)
    question = StatusQuestion(named(scene.pki.contract()), urls)
    assert (await scene.responders.ask(question, scene.known)).state is CertificateState.GOOD


@pytest.mark.parametrize("url", ["http://localhost/", "ftp://127.0.0.1/", "http://169.254.169.254/", "x"])
async def test_nobody_is_asked_whom_the_operator_does_not_allow(scene: Scene, url: str) -> None:
    with pytest.raises(NoStatus, match=r"allowed|a URL"):
        await scene.responders.ask(StatusQuestion(named(scene.pki.contract()), (url,)), scene.known)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "169.254.169.254", "10.0.0.1", "192.168.1.1"])
async def test_without_names_of_the_operators_only_public_addresses_are_asked(
    scene: Scene, host: str
) -> None:
    http = GuardedClient(EgressRules(plain_http=True))
    question = StatusQuestion(named(scene.pki.contract()), (f"http://{host}/",))
    with pytest.raises(NoStatus, match="not a public address"):
        await Responders(http, scene.clock, 2).ask(question, scene.known)
    await http.close()


@pytest.mark.parametrize(("hash_text", "serial"), [("zz", "1"), ("ab", "x"), ("a" * 63, "1"), ("", "")])
async def test_a_name_that_names_nothing_is_not_asked_about(
    scene: Scene, hash_text: str, serial: str
) -> None:
    question = StatusQuestion(CertificateId("SHA256", hash_text, hash_text, serial), (scene.responder.url,))
    with pytest.raises(NoStatus, match="not as OCSP has them"):
        await scene.responders.ask(question, scene.known)
    assert scene.responder.asked == []


async def test_no_change_of_a_byte_of_an_answer_is_believed(scene: Scene) -> None:
    """Whatever is changed, it says what was signed, or nothing."""
    bad = scene.pki.contract()
    scene.responder.revoke(bad)
    asked = load_der_ocsp_request(question(named(bad)))
    whole = scene.responder.told(bad, asked)
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 8
        try:
            told = answer(bytes(changed), named(bad), scene.known, scene.clock.now())
        except NoStatus:
            continue
        assert told.state is CertificateState.REVOKED, place


# --- revocation lists --------------------------------------------------------------------------------


async def test_a_revocation_list_of_the_issuer_says_which_are_revoked(scene: Scene) -> None:
    scene.responder.holders.clear()
    good, bad = scene.pki.contract(), scene.pki.contract()
    scene.responder.revoke(bad)
    for holder, state in ((good, CertificateState.GOOD), (bad, CertificateState.REVOKED)):
        told = await scene.responders.ask(scene.question(holder, by_list=True), scene.known)
        assert (told.state, told.verified) == (state, True)


LISTS = {
    "of a stranger": (_signed_by(None), "not signed"),
    "of last week": (_sets(begins=-8 * DAY, ends=-DAY), "out of date"),
    "no list": (_sets(instead=HttpResponse(200, {}, b"x")), "no revocation list"),
}


@pytest.mark.parametrize("how", LISTS)
async def test_a_revocation_list_that_may_not_be_believed_is_none(scene: Scene, how: str) -> None:
    scene.responder.holders.clear()
    contract = scene.pki.contract()
    change, says = LISTS[how]
    change(scene)
    with pytest.raises(NoStatus, match=says):
        await scene.responders.ask(scene.question(contract, by_list=True), scene.known)


async def test_a_revocation_list_of_an_unknown_issuer_is_none(scene: Scene) -> None:
    with pytest.raises(NoStatus, match="issuer is not known"):
        await scene.responders.ask(scene.question(scene.pki.contract(), by_list=True), Known())


async def test_no_change_of_a_byte_of_a_revocation_list_is_believed(scene: Scene) -> None:
    """Every value at the front, where the version and the lengths are; elsewhere every bit."""
    bad = scene.pki.contract()
    scene.responder.revoke(bad)
    whole, now = scene.responder.revoked(), scene.clock.now()
    for place in range(len(whole)):
        for change in range(1, 256) if place < 20 else (1 << bit for bit in range(8)):
            changed = bytearray(whole)
            changed[place] ^= change
            with pytest.raises(NoStatus):
                listed(bytes(changed), named(bad), scene.known, now)

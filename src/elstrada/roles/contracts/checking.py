"""Is the contract that a car shows good? By its chain, and by what its issuers say of it.

Source: OCPP 2.0.1 part 2, C07.FR.05, .06, .13 to .17.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from elstrada.model.certificates import (
    CertificateId,
    CertificateState,
    ContractProof,
    ContractStatus,
    StatusQuestion,
)
from elstrada.net.face import Clock
from elstrada.net.reading import UNREADABLE
from elstrada.roles.contracts.authorities import Authorities
from elstrada.roles.contracts.chain import Doubt, checked_chain
from elstrada.roles.contracts.face import Known, NoStatus, Told
from elstrada.roles.contracts.responders import Responders
from elstrada.roles.signing.hashes import hash_data


class Checked(msgspec.Struct, frozen=True):
    """What was found."""

    status: ContractStatus
    why: str = ""
    """For the operator: what is wrong with it, or what could not be made certain of though it was accepted."""


class Checks:
    """Looks at contracts' certificates."""

    def __init__(
        self, authorities: Authorities, responders: Responders, clock: Clock, *, takes_unverified: bool
    ) -> None:
        """
        Args:
            takes_unverified: a certificate of which nothing certain can be learnt is accepted.
        """
        self._authorities, self._responders, self._clock = authorities, responders, clock
        self._takes_unverified = takes_unverified

    async def contract(self, proof: ContractProof, emaid: str) -> Checked:
        """Judge what a car showed. A chain says all, so hashes beside it are of no account (P-02)."""
        try:
            known = await self._trusted()
            if proof.chain:
                return await self._by_chain(proof.chain, emaid, known)
            return await self._by_hashes(proof.hashes, known)
        except Doubt as doubt:
            return Checked(doubt.status, str(doubt))
        except NoStatus as why:
            return Checked(ContractStatus.CERT_CHAIN_ERROR, str(why))

    async def status(self, question: StatusQuestion) -> Told:
        """Learn how it stands with a certificate, as far as that is certain enough.

        Raises:
            NoStatus: it is not.
        """
        told = await self._responders.ask(question, await self._trusted())
        if not told.verified and not self._takes_unverified:
            raise NoStatus(_UNKNOWN_ISSUER)
        return told

    async def said(self, question: StatusQuestion) -> Told:
        """Whatever a responder says, for someone who will look at its signature himself.

        Raises:
            NoStatus: it says nothing, or what it says is known to be wrong.
        """
        return await self._responders.ask(question, await self._trusted())

    async def _trusted(self) -> Known:
        try:
            return await self._authorities.known()
        except (OSError, ValueError) as problem:
            raise NoStatus(f"the authorities cannot be read: {problem}") from problem

    async def _by_chain(self, pem: str, emaid: str, known: Known) -> Checked:
        links = await asyncio.to_thread(checked_chain, pem, emaid, known, self._clock.now())
        questions = [
            StatusQuestion(certificate_id(link.certificate, link.issuer), responders_of(link.certificate))
            for link in links
        ]
        return await self._revoked(questions, known.and_also(link.issuer for link in links))

    async def _by_hashes(self, hashes: Sequence[StatusQuestion], known: Known) -> Checked:
        if not hashes:
            return Checked(ContractStatus.NO_CERTIFICATE_AVAILABLE, "the station names no certificate")
        # Some stations name the root as well (P-06), of which nobody but the operator may say anything.
        asked = [one for one in hashes if not known.holds_root(one.certificate)]
        if not asked:
            return Checked(ContractStatus.CERT_CHAIN_ERROR, "the station names no certificate but a root")
        return await self._revoked(asked, known)

    async def _revoked(self, questions: Sequence[StatusQuestion], known: Known) -> Checked:
        found = await asyncio.gather(*(self._one(question, known) for question in questions))
        worst = [one for one in found if one.status is ContractStatus.CERTIFICATE_REVOKED]
        refused = worst or [one for one in found if one.status is not ContractStatus.ACCEPTED]
        if refused:
            return refused[0]
        return Checked(ContractStatus.ACCEPTED, "; ".join(one.why for one in found if one.why)[:250])

    async def _one(self, question: StatusQuestion, known: Known) -> Checked:
        serial = question.certificate.serial
        try:
            told = await self._responders.ask(question, known)
        except NoStatus as why:
            return self._uncertain(f"certificate {serial}: {why}")
        if told.state is CertificateState.REVOKED:
            return Checked(ContractStatus.CERTIFICATE_REVOKED, f"certificate {serial} is revoked")
        if told.state is CertificateState.UNKNOWN:
            return Checked(ContractStatus.CERT_CHAIN_ERROR, f"its issuer does not know certificate {serial}")
        return (
            Checked(ContractStatus.ACCEPTED)
            if told.verified
            else self._uncertain(f"certificate {serial}: {_UNKNOWN_ISSUER}")
        )

    def _uncertain(self, why: str) -> Checked:
        status = ContractStatus.ACCEPTED if self._takes_unverified else ContractStatus.CERT_CHAIN_ERROR
        return Checked(status, why)


_UNKNOWN_ISSUER = (
    "its issuer is not among stations.plug_and_charge.authorities, so nobody can tell who signed the answer"
)


def certificate_id(certificate: x509.Certificate, issuer: x509.Certificate) -> CertificateId:
    """As OCSP names it.

    Raises:
        ValueError: the issuer has not issued it.
    """
    named = hash_data(certificate, issuer)
    return CertificateId(
        named.hash_algorithm, named.issuer_name_hash, named.issuer_key_hash, named.serial_number
    )


def responders_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """The OCSP responders that a certificate itself names (RFC 5280 §4.2.2.1)."""
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except (*UNREADABLE, x509.ExtensionNotFound):
        return ()  # Whoever cannot be read out of it cannot be asked.
    return tuple(
        one.access_location.value
        for one in access
        if one.access_method == AuthorityInformationAccessOID.OCSP
        and isinstance(one.access_location, x509.UniformResourceIdentifier)
    )[:3]

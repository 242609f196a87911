"""What the gateway does for cars that plug and charge: contracts judged, statuses looked up, contracts fetched."""

from __future__ import annotations

import asyncio
import base64
from datetime import timedelta

import msgspec

from elstrada.model import answers, asks
from elstrada.model.certificates import CertificateState, ChainQuestion, ContractStatus
from elstrada.net.face import Clock
from elstrada.roles.contracts.checking import Checks
from elstrada.roles.contracts.face import NoStatus
from elstrada.roles.contracts.pool import ContractPool, NoContract
from elstrada.roles.findings import Findings

REFUSED, UNVERIFIED = "contract certificate refused", "contract certificate not verified"
NO_STATUS, NO_CONTRACT = "certificate status not learnt", "contract certificate not fetched"
ASK_AGAIN = timedelta(minutes=5)
"""A station may ask again so soon for what could not be learnt."""
_NOBODY = "nobody looks at contracts' certificates here"


class PlugAndCharge(msgspec.Struct, frozen=True, kw_only=True):
    """What there is for it."""

    checks: Checks
    pool: ContractPool | None = None
    """None: cars get no contract certificates through stations of ours."""


class Contracts:
    """One per gateway. Whatever cannot be done is a finding of the station that asked."""

    def __init__(self, clock: Clock, findings: Findings, means: PlugAndCharge | None) -> None:
        """
        Args:
            means: None: no contract certificate is ever accepted, and nothing is looked up.
        """
        self._clock, self._findings, self._means = clock, findings, means

    async def judged(self, source: str, ask: asks.Authorize) -> asks.Authorize:
        """Look at the contract that a car showed, before its token is judged (C07.FR.05)."""
        assert ask.contract is not None, "a car has shown one"
        if self._means is None:
            status, why = ContractStatus.CERT_CHAIN_ERROR, _NOBODY
        else:
            checked = await self._means.checks.contract(ask.contract, ask.token.uid)
            status, why = checked.status, checked.why
        if why:
            code = UNVERIFIED if status is ContractStatus.ACCEPTED else REFUSED
            self._findings.note(source, code, f"{status.value}: {why}")
        return msgspec.structs.replace(ask, contract_status=status)

    async def answered(
        self, source: str, ask: asks.Enquiry
    ) -> answers.StatusTold | answers.ChainTold | answers.ContractFetched:
        """Ask who knows."""
        match ask:
            case asks.LookUpStatus():
                return await self._status(source, ask)
            case asks.LookUpChain():
                told = await asyncio.gather(*(self._certificate(source, one) for one in ask.questions))
                return answers.ChainTold(tuple(told))
            case asks.FetchContract():
                return await self._contract(source, ask)

    async def _status(self, source: str, ask: asks.LookUpStatus) -> answers.StatusTold:
        try:
            told = await self._checks().said(ask.question)
            ocsp = base64.b64encode(told.der).decode()
            if len(ocsp) > ask.most_characters:
                raise NoStatus(f"the answer has {len(ocsp)} characters; OCPP takes {ask.most_characters}")
        except NoStatus as why:
            self._findings.note(source, NO_STATUS, str(why))
            return answers.StatusTold(fault=str(why))
        return answers.StatusTold(ocsp)

    async def _certificate(self, source: str, asked: ChainQuestion) -> answers.CertificateTold:
        """Here the station takes our word, so we must be as certain as for a contract."""
        serial = asked.question.certificate.serial[:40]
        try:
            told = await self._checks().status(asked.question)
        except NoStatus as why:
            self._findings.note(source, NO_STATUS, f"certificate {serial}: {why}")
            return answers.CertificateTold(asked, CertificateState.FAILED, self._clock.now() + ASK_AGAIN)
        return answers.CertificateTold(asked, told.state, told.until)

    async def _contract(self, source: str, ask: asks.FetchContract) -> answers.ContractFetched:
        try:
            if self._means is None or self._means.pool is None:
                raise NoContract("no pool of contract certificates is named (stations.plug_and_charge)")
            fetched = await self._means.pool.fetch(ask.wish)
            if len(fetched.exi) > ask.most_characters:
                why = f"the pool's answer has {len(fetched.exi)} characters; OCPP takes {ask.most_characters}"
                raise NoContract(why)
        except NoContract as why:
            self._findings.note(source, NO_CONTRACT, str(why))
            return answers.ContractFetched(fault=str(why))
        return answers.ContractFetched(fetched.exi, fetched.remaining)

    def _checks(self) -> Checks:
        if self._means is None:
            raise NoStatus(_NOBODY)
        return self._means.checks

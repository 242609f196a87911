"""Plug & Charge through OCPP 2.1: more room, several contracts, and the status of a car's whole chain (M07)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from elstrada.model import answers, asks
from elstrada.model.certificates import ChainQuestion, StatusQuestion
from elstrada.ocpp.intake import Intake
from elstrada.ocpp.table import Inbound, ask
from elstrada.ocpp.times import wire_time
from elstrada.ocpp.v21 import messages as m
from elstrada.ocpp.v201 import contracts as v201
from elstrada.ocpp.wire import Wire, encode

MOST_EXI, MOST_OCSP = 17_000, 18_000
"""Characters of exiResponse and ocspResult."""
_MOST_REASON = 1_024


def _look_up(message: m.GetCertificateStatusRequest, intake: Intake) -> asks.LookUpStatus:
    told = v201.INBOUND["GetCertificateStatus"].to_ask(message, intake)
    assert isinstance(told, asks.LookUpStatus), "the row of 2.0.1 asks so"
    return msgspec.structs.replace(told, most_characters=MOST_OCSP)


def _fetch(message: m.Get15118EVCertificateRequest, intake: Intake) -> asks.FetchContract:
    told = v201.INBOUND["Get15118EVCertificate"].to_ask(message, intake)
    assert isinstance(told, asks.FetchContract), "the row of 2.0.1 asks so"
    wish = msgspec.structs.replace(
        told.wish,
        most_chains=message.maximum_contract_certificate_chains,
        prioritized=message.prioritized_emai_ds or (),
    )
    return asks.FetchContract(wish, MOST_EXI)


def _fetched(answer: answers.ContractFetched) -> Wire:
    status = m.Iso15118EVCertificateStatusEnumType
    if not answer.exi:
        why = m.StatusInfoType(reason_code="NoContract", additional_info=answer.fault[:_MOST_REASON])
        return m.Get15118EVCertificateResponse(status=status.FAILED, exi_response="", status_info=why)
    return m.Get15118EVCertificateResponse(
        status=status.ACCEPTED, exi_response=answer.exi, remaining_contracts=answer.remaining
    )


def _look_up_chain(message: m.GetCertificateChainStatusRequest, _: Intake) -> asks.LookUpChain:
    return asks.LookUpChain(tuple(_question(one) for one in message.certificate_status_requests))


def _question(asked: m.CertificateStatusRequestInfoType) -> ChainQuestion:
    by_list = asked.source == m.CertificateStatusSourceEnumType.CRL
    named = v201.certificate_id(asked.certificate_hash_data)
    as_asked = encode(asked.certificate_hash_data).decode()
    return ChainQuestion(StatusQuestion(named, asked.urls, by_list), as_asked)


def _chain_told(answer: answers.ChainTold) -> Wire:
    return m.GetCertificateChainStatusResponse(
        certificate_status=tuple(_told(one) for one in answer.certificates)
    )


def _told(one: answers.CertificateTold) -> m.CertificateStatusType:
    source = m.CertificateStatusSourceEnumType
    return m.CertificateStatusType(
        certificate_hash_data=msgspec.json.decode(one.asked.as_asked, type=m.CertificateHashDataType),
        source=source.CRL if one.asked.question.by_list else source.OCSP,
        status=one.state.value,
        next_update=wire_time(one.next_update),
    )


INBOUND: Mapping[str, Inbound] = {
    "Get15118EVCertificate": ask(m.Get15118EVCertificateRequest, _fetch, _fetched),
    "GetCertificateChainStatus": ask(m.GetCertificateChainStatusRequest, _look_up_chain, _chain_told),
    "GetCertificateStatus": ask(
        m.GetCertificateStatusRequest, _look_up, v201.INBOUND["GetCertificateStatus"].from_answer
    ),
}

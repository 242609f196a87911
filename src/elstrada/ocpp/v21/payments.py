"""What stations of OCPP 2.1 tell of payments at their terminals (C18 to C22)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from elstrada.model import answers, asks
from elstrada.model.mirror import Item, ItemKind, Learned
from elstrada.model.notices import Notice, NoticeKind, Severity
from elstrada.model.settlement import Settlement
from elstrada.model.vat import MOST_CHARACTERS, Company
from elstrada.ocpp.intake import Intake
from elstrada.ocpp.mirror import words
from elstrada.ocpp.notices import MAX_TEXT
from elstrada.ocpp.table import Inbound, ask, tell
from elstrada.ocpp.v21 import messages as m
from elstrada.ocpp.v21.reckoning import money
from elstrada.ocpp.wire import Wire
from elstrada.redaction import redacted

DIRECT_PAYMENT = "DirectPayment"
_MAX_REF, _MAX_RECEIPT, _MAX_URL = 255, 50, 2000
_MAX_NAME, _MAX_LINE, _MAX_CODE = 50, 100, 20
_SEVERITY: Mapping[str, int] = {
    m.PaymentStatusEnumType.SETTLED.value: Severity.INFORMATIONAL,
    m.PaymentStatusEnumType.CANCELED.value: Severity.NOTICE,
}


def _settled(message: m.NotifySettlementRequest, intake: Intake) -> asks.GiveNotice:
    """C21, C22. A company that wants its VAT number on the receipt may be a person: it stands in no fact."""
    at, suspect = intake.time(message.settlement_time, "/settlementTime")
    settlement = Settlement(
        psp_ref=message.psp_ref[:_MAX_REF],
        status=message.status[:MAX_TEXT],
        amount=money(message.settlement_amount, "/settlementAmount", intake),
        transaction_id=message.transaction_id,
        receipt_id=message.receipt_id and message.receipt_id[:_MAX_RECEIPT],
        receipt_url=message.receipt_url and message.receipt_url[:_MAX_URL],
        detail=redacted(message.status_info or "")[:MAX_TEXT],
    )
    notice = Notice(
        kind=NoticeKind.SETTLEMENT,
        at=at,
        timed=not suspect,
        status=settlement.status,
        severity=_SEVERITY.get(message.status, Severity.ERROR),
        subject=(message.transaction_id or "")[:MAX_TEXT],
        text=settlement.detail,
        document=msgspec.json.encode(settlement).decode(),
    )
    return asks.GiveNotice(notice, _buyer(message), _called_off(message))


def payer(token: asks.PresentedToken, shown: m.IdTokenType) -> asks.PresentedToken:
    """The token as we know it: of a payment that a terminal had authorized, nobody's contract (C18)."""
    if shown.type != DIRECT_PAYMENT:
        return token
    return msgspec.structs.replace(token, type="AD_HOC_USER", paid_here=True)


def _called_off(message: m.NotifySettlementRequest) -> asks.PresentedToken | None:
    """C19: whoever paid went away before there was a transaction."""
    if message.status != m.PaymentStatusEnumType.CANCELED or message.transaction_id is not None:
        return None
    return asks.PresentedToken(message.psp_ref[:_MAX_REF], "AD_HOC_USER", paid_here=True)


def _buyer(message: m.NotifySettlementRequest) -> Learned | None:
    if message.vat_number is None and message.vat_company is None:
        return None
    told = m.NotifySettlementRequest(
        psp_ref=message.psp_ref,
        status=message.status,
        settlement_amount=message.settlement_amount,
        settlement_time=message.settlement_time,
        vat_company=message.vat_company,
        vat_number=message.vat_number,
    )
    return Learned(items=(Item(ItemKind.BUYER, message.psp_ref[:_MAX_REF], words(told)),))


def _check_vat(message: m.VatNumberValidationRequest, intake: Intake) -> asks.CheckVat:
    evse_id = message.evse_id
    return asks.CheckVat(
        vat_number=message.vat_number[:MOST_CHARACTERS],
        evse_id=None if evse_id is None else intake.number(evse_id, "/evseId"),
    )


def _vat_judged(answer: answers.VatJudged) -> Wire:
    """C18.FR.09, .10."""
    status = m.GenericStatusEnumType
    why = m.StatusInfoType(reason_code=answer.reason, additional_info=answer.why) if answer.reason else None
    return m.VatNumberValidationResponse(
        vat_number=answer.vat_number,
        evse_id=answer.evse_id,
        status=status.ACCEPTED if answer.valid else status.REJECTED,
        status_info=why,
        company=None if answer.company is None else _address(answer.company),
    )


def _address(company: Company) -> m.AddressType | None:
    """Where the register says all that an address needs."""
    if not (company.street and company.city):
        return None
    return m.AddressType(
        name=company.name[:_MAX_NAME],
        address1=company.street[:_MAX_LINE],
        city=company.city[:_MAX_LINE],
        postal_code=company.postal_code[:_MAX_CODE] or None,
        country=company.country,
    )


INBOUND: Mapping[str, Inbound] = {
    "VatNumberValidation": ask(m.VatNumberValidationRequest, _check_vat, _vat_judged),
    "NotifySettlement": tell(m.NotifySettlementRequest, _settled, m.NotifySettlementResponse()),
}

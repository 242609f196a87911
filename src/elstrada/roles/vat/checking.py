"""Is a VAT number that a driver entered a company's? By its form, and by the register that the operator named."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta

import msgspec

from elstrada.model.answers import VatJudged
from elstrada.model.asks import CheckVat
from elstrada.model.mirror import Item, ItemKind, Learned
from elstrada.model.vat import NoVatNumber, VatChecked, VatNumber
from elstrada.net.face import Clock
from elstrada.roles.findings import Findings
from elstrada.roles.keys import Keys
from elstrada.roles.vat.register import NotLearnt, Registered, VatRegister

NOT_CHECKED = "VAT number not checked"
REMEMBERED_FOR = timedelta(minutes=10)
"""A number asked for again so soon is not looked up again: stations ask as often as drivers type."""
_MOST = 1_000
_NOBODY = "no register of VAT numbers is named (stations.vat.service)"


class VatChecking(msgspec.Struct, frozen=True, kw_only=True):
    """What there is for it."""

    register: VatRegister | None = None
    takes_unverified: bool = False
    """A number of the right form is accepted where the register does not say."""


class VatChecks:
    """One per gateway."""

    def __init__(self, keys: Keys, clock: Clock, findings: Findings, means: VatChecking) -> None:
        self._keys, self._clock, self._findings, self._means = keys, clock, findings, means
        self._known: OrderedDict[VatNumber, tuple[datetime, Registered]] = OrderedDict()

    async def judged(self, source: str, ask: CheckVat) -> VatJudged:
        """The answer to a station. Of the right form and not looked up is what the operator decided."""
        told = VatJudged(vat_number=ask.vat_number, evse_id=ask.evse_id, valid=False)
        try:
            number = VatNumber.parse(ask.vat_number)
        except NoVatNumber as problem:
            return msgspec.structs.replace(told, reason="InvalidValue", why=str(problem))
        try:
            found = await self._look_up(number)
        except NotLearnt as why:
            self._findings.note(source, NOT_CHECKED, str(why))
            valid = self._means.takes_unverified
            says = "its form is right; it could not be looked up now"
            return msgspec.structs.replace(told, valid=valid, reason="Unspecified", why=says)
        if not found.valid:
            says = "no company has it"
            return msgspec.structs.replace(told, reason="NotFound", why=says, consultation=found.consultation)
        return msgspec.structs.replace(
            told, valid=True, company=found.company, consultation=found.consultation
        )

    def record(self, answer: VatJudged, transaction_id: str | None) -> Learned:
        """What is kept of a check for whoever makes the receipt: by the number's pseudonym, until it is erased."""
        try:
            number = str(VatNumber.parse(answer.vat_number))
        except NoVatNumber:
            return Learned()  # A slip of the finger stands on no receipt.
        checked = VatChecked(
            vat_number=number,
            status="Accepted" if answer.valid else "Rejected",
            why=answer.why,
            checked_at=self._clock.now(),
            evse_id=answer.evse_id,
            transaction_id=transaction_id,
            company=answer.company,
            consultation=answer.consultation,
        )
        key = f"vat {self._keys.token_ref(number)}"
        return Learned(items=(Item(ItemKind.BUYER, key, msgspec.json.encode(checked).decode()),))

    async def _look_up(self, number: VatNumber) -> Registered:
        if self._means.register is None:
            raise NotLearnt(_NOBODY)
        now, known = self._clock.now(), self._known.get(number)
        if known is not None and now - known[0] < REMEMBERED_FOR:
            return known[1]
        found = await self._means.register.look_up(number)
        self._known[number] = (now, found)
        self._known.move_to_end(number)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)
        return found

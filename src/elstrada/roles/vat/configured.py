"""The check of VAT numbers as an installation's settings have it."""

from __future__ import annotations

from elstrada.config import Config
from elstrada.model.vat import VatNumber
from elstrada.net.face import HttpClient
from elstrada.roles.vat.checking import VatChecking
from elstrada.roles.vat.vies import Vies


def configured_vat(config: Config, http: HttpClient) -> VatChecking:
    """
    Args:
        http: for whom the operator named.
    """
    told = config.stations.vat
    if told.service is None:
        return VatChecking(takes_unverified=told.unverified == "accept")
    requester = None if told.requester is None else VatNumber.parse(told.requester)
    register = Vies(told.service, http, requester=requester, timeout_s=config.limits.authorize_s)
    return VatChecking(register=register, takes_unverified=told.unverified == "accept")

"""Tokens as OCPP 1.6 knows them."""

from __future__ import annotations

from collections.abc import Mapping

from elstrada.model.token import Allowed
from elstrada.ocpp.v16 import messages as m

MAX_ID_TAG = 20
AUTHORIZATION: Mapping[Allowed, m.AuthorizationStatus] = {
    Allowed.ALLOWED: m.AuthorizationStatus.ACCEPTED,
    Allowed.BLOCKED: m.AuthorizationStatus.BLOCKED,
    Allowed.EXPIRED: m.AuthorizationStatus.EXPIRED,
    # 1.6 has no word for an empty purse.
    Allowed.NO_CREDIT: m.AuthorizationStatus.BLOCKED,
    Allowed.NOT_ALLOWED: m.AuthorizationStatus.INVALID,
}

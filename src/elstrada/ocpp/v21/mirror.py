"""What OCPP 2.1 tells of a station's store: as 2.0.1 does, and of the grid's controls, streams and tariffs."""

from __future__ import annotations

from collections.abc import Mapping

from elstrada.ocpp.table import Inbound, Learning, learnt_as_before
from elstrada.ocpp.v21 import der, profiles, streams, tariff_mirror
from elstrada.ocpp.v21 import messages as m
from elstrada.ocpp.v201 import mirror as v201

INBOUND: Mapping[str, Inbound] = {**der.INBOUND, **profiles.INBOUND, **streams.INBOUND}
FROM_ANSWERS: Mapping[str, Learning] = {
    **{action: learnt_as_before(row, m.ACTIONS[action]) for action, row in v201.FROM_ANSWERS.items()},
    **der.FROM_ANSWERS,
    **profiles.FROM_ANSWERS,
    **streams.FROM_ANSWERS,
    **tariff_mirror.FROM_ANSWERS,
}

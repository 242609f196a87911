"""What the answer to an accepted token tells besides: its own tariff (OCPP 2.1 I08), and ways of energy transfer (Q01)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from elstrada.model import asks
from elstrada.model.answers import Judged, StationAnswer
from elstrada.model.mirror import ItemKind, Variable
from elstrada.model.tariff import Tariff
from elstrada.model.token import Allowed
from elstrada.ocpp.v21.tariff import to_wire
from elstrada.roles.findings import Findings
from elstrada.roles.gateway.seat import Seat
from elstrada.roles.mirrored import is_true, told
from elstrada.roles.station_limits import ENABLED, unfit
from elstrada.spine import tables as t
from elstrada.spine.face import Between, Spine
from elstrada.tariffs.policy import OCPI_2_3_0

_GIVES_BACK = ("ISO15118Ctrlr", "V2XChargingCtrlr")
"""Components of a station that can take energy back from a car."""
NOT_TOLD = "driver tariff not told"
_MOST = 1_000
_variable = msgspec.json.Decoder(Variable).decode


class Rights:
    """Adds what a token may to the answer that accepts it."""

    def __init__(self, spine: Spine, findings: Findings) -> None:
        self._spine, self._findings = spine, findings

    async def told(
        self, seat: Seat, ask: asks.StationAsk, answer: StationAnswer | None
    ) -> StationAnswer | None:
        """The same answer, with the token's rights if its station has use for them.

        Raises:
            SpineDown: nobody knows.
        """
        if not isinstance(ask, asks.Authorize) or not isinstance(answer, Judged):
            return answer
        allowance = ask.token.allowance
        if answer.verdict.allowed is not Allowed.ALLOWED or allowance is None:
            return answer
        if allowance.tariff_id:
            answer = msgspec.structs.replace(answer, tariff=await self._tariff(seat, allowance.tariff_id))
        if allowance.transfer and await self._has(seat, _GIVES_BACK):
            answer = msgspec.structs.replace(answer, transfer=allowance.transfer)
        return answer

    async def _tariff(self, seat: Seat, tariff_id: str) -> Tariff | None:
        """A driver's own tariff, if the station prices by itself and can come to our prices with it."""
        enabled = await told(self._spine, seat.owner, seat.station_id, ENABLED)
        if not is_true(enabled.get(ENABLED)):
            return None  # Its running and final cost come from here.
        key = {"owner": str(seat.owner), "party": str(seat.owner), "tariff_id": tariff_id}
        row = await self._spine.get(t.tariff, **key)
        why = f"tariff {tariff_id} is not in the records"
        if row is not None:
            tariff = msgspec.json.decode(str(row["document"]), type=Tariff)
            silence = OCPI_2_3_0.takes_silence_for_no_tax(tariff.party.country_code)
            value, losses = to_wire(tariff, silence_is_no_tax=silence, of_driver=True)
            lost = next((f"{loss.pointer}: {loss.note}" for loss in losses if loss.misleads), "")
            why = lost or await unfit(self._spine, seat.owner, seat.station_id, value)
            if not why:
                return tariff
        self._findings.note(f"station:{seat.owner}/{seat.station_id}", NOT_TOLD, why)
        return None

    async def _has(self, seat: Seat, components: Sequence[str]) -> bool:
        """Are all of these at work, at the station or at one of its EVSEs, as it told?"""
        for name in components:
            where = {"owner": str(seat.owner), "station_id": seat.station_id, "kind": ItemKind.VARIABLE.value}
            rows = await self._spine.find(
                t.station_item, {**where, "key": Between(name, f"{name}~")}, limit=_MOST
            )
            told = [_variable(str(row["document"])) for row in rows]
            if not any(_is_on(one) for one in told if one.component == name and one.name == "Enabled"):
                return False
        return True


def _is_on(variable: Variable) -> bool:
    return any(is_true(one.value) for one in variable.attributes if one.type == "Actual")

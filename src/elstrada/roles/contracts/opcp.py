"""A pool that is asked as the Open Plug&Charge Protocol has it: JSON over HTTPS, the car's message in Base64.

Source: its open clients (MaEVe CSMS, services.OpcpContractCertificateProvider): POST /v1/ccp/signedContractData.
Its operation knows no action: the car's message says itself whether it asks for a new certificate or another.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from elstrada.model.certificates import ContractWish
from elstrada.model.http import HttpRequest, Unreachable
from elstrada.net.face import HttpClient
from elstrada.roles.contracts.emaid import is_same
from elstrada.roles.contracts.pool import Fetched, NoContract, exi_bytes

PATH = "/v1/ccp/signedContractData"
MOST_BYTES = 512 * 1024
MOST_CONTRACTS = 64


class _Message(msgspec.Struct, rename="camel"):
    certificate_installation_res: str = ""
    emaid: str = ""


class _Content(msgspec.Struct, rename="camel"):
    message_def: _Message = msgspec.field(default_factory=_Message)


class _Contents(msgspec.Struct, rename="camel"):
    emaid_content: list[_Content] = msgspec.field(default_factory=list[_Content])


class _Answer(msgspec.Struct):
    contents: _Contents = msgspec.field(name="CCPResponse")


class OpcpPool:
    """One pool, by HTTP."""

    def __init__(
        self, url: str, http: HttpClient, *, headers: Mapping[str, str] | None = None, timeout_s: float = 10
    ) -> None:
        """
        Args:
            url: what stands before ``/v1/ccp/signedContractData``.
            headers: by which the pool knows us.
        """
        self._url, self._http, self._timeout_s = url.rstrip("/") + PATH, http, timeout_s
        self._headers = {name.lower(): value for name, value in (headers or {}).items()} | {
            "content-type": "application/json",
            "accept": "application/json",
        }

    async def fetch(self, wish: ContractWish) -> Fetched:
        """As ``ContractPool``."""
        exi_bytes(wish.exi, "the car's")
        asked = {"certificateInstallationReq": wish.exi, "xsdMsgDefNamespace": wish.schema_version}
        request = HttpRequest("POST", self._url, headers=self._headers, body=msgspec.json.encode(asked))
        try:
            response = await self._http.send(request, timeout_s=self._timeout_s)
        except Unreachable as problem:
            raise NoContract(f"the pool cannot be reached: {problem}") from problem
        if response.status != 200:
            raise NoContract(f"the pool answered {response.status}")
        return _chosen(response.body, wish)


def _chosen(body: bytes, wish: ContractWish) -> Fetched:
    """The answer that goes to the car: of the contract that it would like first, else the pool's first."""
    if len(body) > MOST_BYTES:
        raise NoContract(f"the pool answered with {len(body)} bytes; at most {MOST_BYTES} are read")
    try:
        contents = msgspec.json.decode(body, type=_Answer).contents.emaid_content[:MOST_CONTRACTS]
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as problem:
        raise NoContract("the pool's answer is not as expected") from problem
    messages = [one.message_def for one in contents if one.message_def.certificate_installation_res]
    if not messages:
        raise NoContract("the pool has no contract for this car")
    chosen = min(messages, key=lambda one: _rank(one.emaid, wish.prioritized))
    exi_bytes(chosen.certificate_installation_res, "the pool's")
    remaining = len(messages) - 1 if wish.most_chains is not None else None
    return Fetched(chosen.certificate_installation_res, remaining)


def _rank(emaid: str, prioritized: tuple[str, ...]) -> int:
    return next((n for n, one in enumerate(prioritized) if is_same(one, emaid)), len(prioritized))

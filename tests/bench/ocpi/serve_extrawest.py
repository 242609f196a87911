"""PyPI's ``extrawest-ocpi`` with its store in memory; run by an interpreter that has it, and nothing of ours.

Arguments: port, a file with what it has, the token it is shown.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

PORT, OBJECTS, TOKEN = sys.argv[1:4]
os.environ |= {
    "OCPI_HOST": f"127.0.0.1:{PORT}",
    "PROTOCOL": "http",
    "CI_STRING_LOWERCASE_PREFERENCE": "false",
}

import uvicorn  # noqa: E402  The library reads its settings when it is imported.
from py_ocpi import get_application  # noqa: E402
from py_ocpi.core.authentication.authenticator import Authenticator  # noqa: E402
from py_ocpi.core.crud import Crud  # noqa: E402
from py_ocpi.core.enums import ModuleID, RoleEnum  # noqa: E402
from py_ocpi.modules.versions.enums import VersionNumber  # noqa: E402

logging.disable(logging.WARNING)  # A line for each request would be its cost, not the library's.
has = json.loads(Path(OBJECTS).read_text())
own = has["locations"]
issued = {token["uid"]: token for token in has["tokens"]}
kept: dict[str, Any] = {}


class Known(Authenticator):
    @classmethod
    async def get_valid_token_c(cls) -> list[str]:
        return [TOKEN]

    @classmethod
    async def get_valid_token_a(cls) -> list[str]:
        return []


class Memory(Crud):
    @classmethod
    async def get(cls, module: ModuleID, role: RoleEnum, id: str, *args: Any, **kwargs: Any) -> Any:
        return kept.get(id)

    @classmethod
    async def list(cls, module: ModuleID, role: RoleEnum, filters: Any, *args: Any, **kwargs: Any) -> Any:
        first = filters["offset"]
        page = own[first : first + filters["limit"]]
        return page, len(own), first + len(page) >= len(own)

    @classmethod
    async def create(cls, module: ModuleID, role: RoleEnum, data: Any, *args: Any, **kwargs: Any) -> Any:
        kept[data["id"]] = data
        return data

    @classmethod
    async def update(
        cls, module: ModuleID, role: RoleEnum, data: Any, id: str, *args: Any, **kwargs: Any
    ) -> Any:
        kept[id] = data
        return data

    @classmethod
    async def do(cls, module: ModuleID, role: RoleEnum, action: Any, *args: Any, **kwargs: Any) -> Any:
        token = issued[kwargs["data"]["token_uid"]]
        return {"allowed": "ALLOWED", "token": token, "authorization_reference": str(uuid4())}


application = get_application(
    version_numbers=[VersionNumber("2.2.1")],
    roles=[RoleEnum.cpo, RoleEnum.emsp],
    crud=Memory,
    modules=[ModuleID.locations, ModuleID.tokens],
    authenticator=Known,
)
print(PORT, flush=True)
uvicorn.run(application, host="127.0.0.1", port=int(PORT), log_level="error")

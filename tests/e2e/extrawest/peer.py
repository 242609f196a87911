"""A platform on PyPI's ``extrawest-ocpi``: run by an interpreter that has it, and nothing of ours.

It keeps what it is told in memory, and writes each as a line of JSON: module, id, object. Its arguments:
version, role, port, token A, and a file of objects it has, by module.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

VERSION, ROLE, PORT, TOKEN_A, OBJECTS = sys.argv[1:6]
HOST = f"127.0.0.1:{PORT}"
os.environ |= {"OCPI_HOST": HOST, "PROTOCOL": "http", "CI_STRING_LOWERCASE_PREFERENCE": "false"}

import uvicorn  # noqa: E402  The library reads its settings when it is imported.
from py_ocpi import get_application  # noqa: E402
from py_ocpi.core.authentication.authenticator import Authenticator  # noqa: E402
from py_ocpi.core.crud import Crud  # noqa: E402
from py_ocpi.core.enums import ModuleID, RoleEnum  # noqa: E402
from py_ocpi.modules.versions.enums import VersionNumber  # noqa: E402

TOKEN_C = "c" * 32
IDENTITY = {"party_id": "XWT", "country_code": "NL", "business_details": {"name": "Extrawest"}}
kept: dict[str, dict[str, Any]] = {
    module: {str(entry.get("id", entry.get("uid"))): entry for entry in entries}
    for module, entries in json.loads(Path(OBJECTS).read_text()).items()
}
registered: list[str] = []


class Known(Authenticator):
    @classmethod
    async def get_valid_token_c(cls) -> list[str]:
        return registered

    @classmethod
    async def get_valid_token_a(cls) -> list[str]:
        return [] if registered else [TOKEN_A]


class Memory(Crud):
    @classmethod
    async def get(cls, module: ModuleID, role: RoleEnum, id: str, *args: Any, **kwargs: Any) -> Any:
        return kept.get(module.value, {}).get(id)

    @classmethod
    async def list(cls, module: ModuleID, role: RoleEnum, filters: Any, *args: Any, **kwargs: Any) -> Any:
        found = list(kept.get(module.value, {}).values())
        return found, len(found), True

    @classmethod
    async def create(cls, module: ModuleID, role: RoleEnum, data: Any, *args: Any, **kwargs: Any) -> Any:
        if module is ModuleID.credentials_and_registration:
            tell("credentials", "", data["credentials"])
            registered.append(TOKEN_C)
            url = f"http://{HOST}/ocpi/versions"
            if VERSION == "2.1.1":
                return {"token": TOKEN_C, "url": url, **IDENTITY}
            return {"token": TOKEN_C, "url": url, "roles": [{"role": ROLE, **IDENTITY}]}
        name = str(data.get("id", data.get("uid")))
        kept.setdefault(module.value, {})[name] = data
        tell(module.value, name, data)
        return data

    @classmethod
    async def update(
        cls, module: ModuleID, role: RoleEnum, data: Any, id: str, *args: Any, **kwargs: Any
    ) -> Any:
        kept[module.value][id] = data
        tell(module.value, id, data)
        return data

    @classmethod
    async def delete(cls, module: ModuleID, role: RoleEnum, id: str, *args: Any, **kwargs: Any) -> None:
        kept.get(module.value, {}).pop(id, None)

    @classmethod
    async def do(cls, module: ModuleID, role: RoleEnum, action: Any, *args: Any, **kwargs: Any) -> Any:
        tell("authorize", kwargs["data"]["token_uid"], {})
        return {"allowed": "ALLOWED"}


def tell(module: str, name: str, data: Any) -> None:
    print(json.dumps({"module": module, "id": name, "data": data}, default=str), flush=True)


application = get_application(
    version_numbers=[VersionNumber(VERSION)],
    roles=[RoleEnum(ROLE)],
    crud=Memory,
    modules=list(ModuleID),
    authenticator=Known,
)
uvicorn.run(application, host="127.0.0.1", port=int(PORT), log_level="error")

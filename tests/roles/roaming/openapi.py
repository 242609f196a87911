"""The official OpenAPI files as a judge of what goes over the wire, where a copy of them is at hand.

Set OCPI_OPENAPI to the git directory of a copy of github.com/ocpi/openapi-specification. It has no licence, so
nothing of it is in this repository; without it nothing is judged here, and ``ocpi.limits`` alone has checked it.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import jsonschema_rs
import msgspec
import yaml

from elstrada.model.http import HttpRequest, HttpResponse

FILES = os.environ.get("OCPI_OPENAPI")
_BASE = "https://openapi.invalid/"
_CPO_SENDS = frozenset({"locations", "tariffs", "sessions", "cdrs", "bookings"})
_SENDERS = {"payments": "ptp"}


found: list[str] = []
"""What was not as the files say, since it was last cleared: callers may swallow what is raised among them."""
judged: set[str] = set()
"""The schemas by which anything was judged."""


def judge(request: HttpRequest, response: HttpResponse, *, ours: bool) -> None:
    """See whether a response is as the files say, and a request that was taken.

    Args:
        ours: the request is of our client, and not a test's own.
    """
    operation = None if FILES is None else _operation(request)
    if operation is None or response.status not in (200, 201):
        return
    where = f"{request.method} {request.path}"
    _check(f"{where} answered", operation.responses.get(str(response.status)), response.body)
    if ours and request.body:
        _check(f"{where} asked", operation.body, request.body)


class _Operation(msgspec.Struct):
    body: str | None
    """Address of its schema."""
    responses: Mapping[str, str]


def _check(where: str, schema: str | None, body: bytes) -> None:
    if schema is None:
        return
    judged.add(schema)
    found.extend(
        f"{where}: {'/'.join(map(str, problem.instance_path))}: {problem.message[:300]}"
        for problem in _validator(schema).iter_errors(msgspec.json.decode(body))
        if not _is_erratum(problem)
    )


def _is_erratum(problem: jsonschema_rs.ValidationError) -> bool:
    """The files describe the payments module, and their enum of roles has no PTP, as that of the text has none."""
    return problem.instance == "PTP" and list(problem.instance_path)[-1:] == ["role"]


@cache
def _validator(schema: str) -> jsonschema_rs.Validator:
    registry = jsonschema_rs.Registry(
        [(f"{_BASE}{path}", document) for path, document in _documents().items()],
        draft=jsonschema_rs.Draft202012,
    )
    return jsonschema_rs.validator_for({"$ref": schema}, registry=registry, validate_formats=True)


def _operation(request: HttpRequest) -> _Operation | None:
    path = urlsplit(request.path).path.rstrip("/")
    for version, interface, pattern, methods in _paths():
        match = re.fullmatch(rf"/ocpi/{re.escape(version)}/(cpo|emsp|ptp)?/?{pattern}", path)
        if match is None or request.method.lower() not in methods:
            continue
        module = path.split("/")[4 if match[1] else 3]
        owner = "cpo" if module in _CPO_SENDS else _SENDERS.get(module, "emsp")
        sends = match[1] == owner
        if match[1] is None or sends == (interface == "sender"):
            return methods[request.method.lower()]
    return None


@cache
def _paths() -> tuple[tuple[str, str, str, dict[str, _Operation]], ...]:
    return tuple(_read_paths())


def _read_paths() -> Iterator[tuple[str, str, str, dict[str, _Operation]]]:
    for file, document in _documents().items():
        version = file.split("/")[1]
        interface = file.rpartition("/")[2].partition("-")[0]
        for path, operations in document.get("paths", {}).items():
            pattern = "/".join(
                "[^/]+" if part.startswith("{") else part for part in path.strip("/").split("/")
            )
            escaped = path.replace("~", "~0").replace("/", "~1")
            found = {
                method: _read_operation(f"{_BASE}{file}#/paths/{escaped}/{method}", file, told)
                for method, told in operations.items()
                if method in ("get", "put", "post", "patch", "delete")
            }
            yield version, interface, pattern, found


def _read_operation(address: str, file: str, told: dict[str, Any]) -> _Operation:
    return _Operation(
        body=_schema(f"{address}/requestBody", told["requestBody"]) if "requestBody" in told else None,
        responses={
            status: found
            for status, response in told["responses"].items()
            if (found := _schema(f"{address}/responses/{status}", response)) is not None
        },
    )


def _schema(address: str, told: dict[str, Any]) -> str | None:
    """Where the schema of a body is, which may be said in another place."""
    if "$ref" in told:
        file, _, pointer = told["$ref"].partition("#")
        base = address.partition("#")[0]
        address = f"{_resolved(base, file)}#{pointer}"
        told = _at(address)
    if "application/json" not in told.get("content", {}):
        return None
    file, _, pointer = address.partition("#")
    return f"{file}#{quote(pointer, safe='/~')}/content/application~1json/schema"


def _resolved(base: str, relative: str) -> str:
    return urljoin(base, relative)


def _at(address: str) -> dict[str, Any]:
    file, _, pointer = address.removeprefix(_BASE).partition("#")
    found: Any = _documents()[file]
    for part in pointer.strip("/").split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found


@cache
def _documents() -> dict[str, dict[str, Any]]:
    listed = _git("ls-tree", "-r", "--name-only", "HEAD", "ocpi").split()
    return {
        path: _plain(yaml.load(_git("show", f"HEAD:{path}"), _Yaml))
        for path in listed
        if path.endswith(".yaml")
    }


class _Yaml(yaml.SafeLoader):
    """YAML 1.2, in which YES and NO are words."""


_Yaml.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in known if tag != "tag:yaml.org,2002:bool" or first in "tTfF"]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _plain(told: Any) -> Any:
    """As JSON has it: YAML knows numbers as keys, and dates."""
    match told:
        case dict():
            return {str(name): _plain(value) for name, value in told.items()}
        case list():
            return [_plain(value) for value in told]
        case str() | int() | float() | bool() | None:
            return told
        case _:
            return str(told)


def _git(*args: str) -> str:
    assert FILES is not None
    done = subprocess.run(["git", "--git-dir", FILES, *args], capture_output=True, check=True, text=True)
    return done.stdout

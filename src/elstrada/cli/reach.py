"""Where a verb is done: by the server of this data directory, or on its store when none runs."""

from __future__ import annotations

import asyncio
import gzip
import http.client
from typing import cast
from urllib.parse import urlsplit

import msgspec

from elstrada.config import Config
from elstrada.net.chance import SystemChance
from elstrada.net.clock import SystemClock
from elstrada.redaction import redacted
from elstrada.roles.desk.face import AnyVerb, Desk, Kind, Refusal
from elstrada.roles.desk.http import NEXT, ProblemDocument, path_of
from elstrada.roles.desk.paging import Page
from elstrada.roles.desk.parties import settle_parties
from elstrada.roles.desk.server_file import FILE_NAME, ServerFile, find_server
from elstrada.roles.desk.table import lacks, not_known, perform
from elstrada.roles.engines import memory_of
from elstrada.roles.files.opening import files_of
from elstrada.roles.keys import keys_for
from elstrada.roles.nameplate import name_of_node
from elstrada.roles.quirks.table import load_quirks
from elstrada.spine.face import SpineDown
from elstrada.spine.lock import DatabaseInUse
from elstrada.spine.postgres_migrate import DatabaseUnready

TIMEOUT_S = 600
"""The longest verb, the import of a whole register, is done in less."""


class _Gone(Exception):
    """Nobody answers at the server's address; nothing was done."""


class _Lost(Exception):
    """The server had the whole request, and gave no whole answer: perhaps it is done."""


def have_done(config: Config, verb: AnyVerb, params: msgspec.Struct) -> object | Refusal:
    """Do a verb wherever it can be done."""
    if config.desk.url is not None:
        return _by_configured_server(config, config.desk.url, verb, params)
    server = find_server(config.data_dir)
    if server is not None:
        try:
            return _by_server(server, verb, params)
        except _Gone:
            pass  # The file is stale. If not, the store's lock says so.
    return lacks(None, verb) or asyncio.run(_on_store(config, verb, params))


# --- a server ---------------------------------------------------------------------------------------


def _by_configured_server(
    config: Config, url: str, verb: AnyVerb, params: msgspec.Struct
) -> object | Refusal:
    if config.desk.secret is None:
        return Refusal(Kind.USAGE, "desk.url is set, and desk.secret is not", "set both, or neither")
    try:
        return _by_server(ServerFile(url, config.desk.secret.get_secret_value(), 0), verb, params)
    except _Gone as gone:
        return Refusal(Kind.UNREACHABLE, f"nobody answers at {url}: {gone}", "is the server running?")


def _by_server(server: ServerFile, verb: AnyVerb, params: msgspec.Struct) -> object | Refusal:
    """Ask a server.

    Raises:
        _Gone: there is none.
    """
    headers = {"authorization": f"Bearer {server.secret}", "content-type": "application/json"}
    try:
        status, body, after = _posted(
            server.url, path_of(verb.name), msgspec.json.encode(_packed(params)), headers
        )
    except _Lost as lost:
        if verb.reads:
            raise _Gone(str(lost)) from lost
        return not_known(verb, params, f"{server.url} gave no answer: {lost}")
    if status == http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        hint = "stop the server and repeat the command, which then writes to the store itself"
        return Refusal(Kind.UNREACHABLE, f"the file is too large for {server.url}", hint)
    try:
        if status == 200:
            answer: object = msgspec.json.decode(body, type=verb.result)
            return Page.of(cast("tuple[object, ...]", answer), after) if isinstance(answer, tuple) else answer
        problem = msgspec.json.decode(body, type=ProblemDocument)
    except msgspec.DecodeError:
        if status in _WENT_BETWEEN and not verb.reads:
            return not_known(verb, params, f"what stands before {server.url} answered {status}")
        return Refusal(Kind.UNREACHABLE, f"{server.url} answered {status}, and not as a desk does", _STALE)
    if problem.kind is None:
        return Refusal(Kind.UNREACHABLE, f"{server.url} refused the call: {problem.detail}", _STALE)
    return Refusal(problem.kind, problem.detail, problem.hint, problem.pointer, problem.problems)


_WENT_BETWEEN = (http.HTTPStatus.BAD_GATEWAY, http.HTTPStatus.GATEWAY_TIMEOUT)
"""What a proxy says that passed a request on and got no answer."""
_STALE = f"if no server runs on this data directory, remove its {FILE_NAME}"


def _packed(params: msgspec.Struct) -> msgspec.Struct:
    """Large files travel gzipped; every reader of a file takes them so."""
    large = {
        name: gzip.compress(value, 6)
        for name in params.__struct_fields__
        if isinstance(value := getattr(params, name), bytes) and len(value) > _LARGE and value[:2] != _GZIP
    }
    return msgspec.structs.replace(params, **large)


_LARGE, _GZIP = 1 << 22, b"\x1f\x8b"


def _posted(url: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes, str | None]:
    """Ask, and give the status, the body, and where the next page begins.

    Raises:
        _Gone: the request did not leave whole, so that nobody can have acted on it.
        _Lost: it did, and the answer did not come whole.
    """
    # The standard library's client: one request to our own server needs no pool and no proxy.
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    try:
        try:
            connection.request("POST", parts.path.rstrip("/") + path, body, headers)
        except (OSError, http.client.HTTPException) as problem:
            raise _Gone(_says(problem)) from problem
        try:
            response = connection.getresponse()
            return response.status, response.read(), response.headers.get(NEXT)
        except (OSError, http.client.HTTPException) as problem:
            raise _Lost(_says(problem)) from problem
    finally:
        connection.close()


def _says(problem: Exception) -> str:
    return str(problem) or type(problem).__name__


# --- the store --------------------------------------------------------------------------------------


async def _on_store(config: Config, verb: AnyVerb, params: msgspec.Struct) -> object | Refusal:
    try:
        config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as problem:
        return Refusal(Kind.CONFLICT, f"the data directory cannot be used: {problem}", "say --data-dir")
    try:
        quirks = load_quirks(config.stations.quirks)
    except (OSError, ValueError) as problem:
        return Refusal(Kind.CONFLICT, f"stations.quirks: {problem}", "put it right, or leave it out")
    clock = SystemClock()
    spine = memory_of(config, clock)
    try:
        await spine.start()
    except DatabaseInUse as used:
        hint = "wait for the other command, or ask the server that runs there, if it has the role pages"
        return Refusal(Kind.UNREACHABLE, str(used), hint)
    except DatabaseUnready as unready:
        return Refusal(Kind.CONFLICT, str(unready))
    except SpineDown as down:
        says = f"the store cannot be opened: {redacted(str(down))}"
        return Refusal(Kind.UNREACHABLE, says, "see to the disk, or to the database server")
    try:
        keys = await keys_for(spine, config.keys_path)
        await settle_parties(spine, (section.party() for section in config.parties))
        files = files_of(config, name_of_node(config.node, config.data_dir)) if config.has_file_door else None
        desk = Desk(
            spine=spine,
            keys=keys,
            clock=clock,
            chance=SystemChance(),
            quirks=quirks,
            wire_log_dir=config.wire_log_dir,
            files=files,
        )
        return await perform(desk, verb, params)
    except (OSError, ValueError) as problem:
        return Refusal(
            Kind.CONFLICT, f"the keys cannot be used: {problem}", "see keys_file in `elstrada config show`"
        )
    finally:
        await spine.close()

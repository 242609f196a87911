"""A process that has imported everything once and forks: the command line without its second of imports.

Run as a script. Each line on standard input is a life to begin (``argv``, and files for its standard
streams) or to wait for (``wait``); the answer is its process id, or its exit code. What is forked runs
``elstrada.cli.main`` as the installed command does. When the input ends, whoever still lives is killed.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from datetime import UTC
from importlib import import_module

from litestar import Litestar

from elstrada.cli import main
from elstrada.net.client import system_trust
from elstrada.roles.desk.nouns import NOUNS
from elstrada.roles.desk.table import verbs_of
from elstrada.web.languages import LANGUAGES
from elstrada.web.render import Renderer

LAZY = (
    "alembic.command",
    "elstrada.cli.nouns",
    "elstrada.cli.configuration",
    "elstrada.cli.living",
    "elstrada.roles.serve",
)
"""What the command line imports when it is needed."""


def begin(argv: list[str], streams: list[str]) -> int:
    """Fork a life; its streams are files: to read, to write and to write."""
    pid = os.fork()
    if pid == 0:
        for number, path in enumerate(streams):
            os.dup2(
                os.open(path, (os.O_WRONLY | os.O_CREAT | os.O_APPEND) if number else os.O_RDONLY), number
            )
        live(argv)
    return pid


def live(argv: list[str]) -> None:
    """Be the command, to its end."""
    code: object = 1
    try:
        main(argv)
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001  As the interpreter would: a traceback, and code 1.
        sys.excepthook(*sys.exc_info())
    for stream in filter(None, (sys.stdout, sys.stderr)):
        stream.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def warm() -> None:
    """Import and read what the first use would."""
    for name in LAZY:
        import_module(name)
    Litestar([], logging_config=None)
    system_trust()
    for language in LANGUAGES:
        Renderer(language, {}, UTC)
    for noun in NOUNS:
        list(verbs_of(noun))
    gc.collect()
    gc.freeze()


def run() -> None:
    warm()
    living_now: set[int] = set()
    for line in iter(sys.stdin.readline, ""):
        wish = json.loads(line)
        if "wait" in wish:
            _, status = os.waitpid(wish["wait"], 0)
            living_now.discard(wish["wait"])
            answer = os.waitstatus_to_exitcode(status)
        else:
            answer = begin(wish["argv"], wish["streams"])
            living_now.add(answer)
        print(answer, flush=True)
    for pid in living_now:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    run()

"""The command line: nouns, then verbs. Documents on standard output, everything else on standard error."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from elstrada.cli.exits import Exit
from elstrada.cli.root import root

__all__ = ["main", "root"]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and end the process with its exit code."""
    try:
        status: object = root.main(arguments, prog_name="elstrada", standalone_mode=False)
    except click.ClickException as problem:
        problem.show()
        sys.exit(problem.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(Exit.INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python would complain of it while it ends.
        sys.stdout = None
        sys.exit(Exit.OK)
    sys.exit(status if isinstance(status, int) else Exit.OK)

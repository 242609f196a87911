"""Which tests prove which numbered sentence, and the table that says so."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests"

Test = ast.FunctionDef | ast.AsyncFunctionDef


def proven(numbers: Callable[[Test], Iterable[int]]) -> dict[int, list[str]]:
    """The tests that bear each number, as ``file::name`` below ``tests/``."""
    found: dict[int, list[str]] = {}
    for file, test in _tests():
        for number in numbers(test):
            found.setdefault(number, []).append(f"{file}::{test.name}")
    return found


@cache
def _tests() -> tuple[tuple[Path, Test], ...]:
    return tuple(
        (path.relative_to(TESTS), node)
        for path in sorted(TESTS.rglob("test_*.py"))
        for node in ast.parse(path.read_text()).body
        if isinstance(node, Test) and node.name.startswith("test_")
    )


def marked(test: Test, mark: str) -> Iterator[int]:
    """The numbers in a test's marks."""
    for one in test.decorator_list:
        if isinstance(one, ast.Call) and ast.unparse(one.func) == mark:
            for argument in one.args:
                assert isinstance(argument, ast.Constant), f"{test.name}: rules are numbers"
                yield int(str(argument.value))


def section(
    name: str,
    sentences: Mapping[int, str],
    known: Mapping[int, list[str]],
    not_yet: Mapping[int, str],
    not_whole: Mapping[int, str],
    called: str = "{}",
) -> str:
    """One table of a page.

    Args:
        not_yet: sentences that no test proves, and why.
        not_whole: what the tests of a sentence leave out.
        called: how a number is written.
    """

    def shown(number: int) -> str:
        if number in not_yet:
            return f"**not yet**: {not_yet[number]}"
        tests = "<br>".join(f"`{test}`" for test in known.get(number, ()))
        return tests + (f"<br>**not whole**: {not_whole[number]}" if number in not_whole else "")

    lines = "\n".join(
        f"| {called.format(number)} | {text} | {shown(number)} |" for number, text in sentences.items()
    )
    return f"\n## {name}\n\n| | sentence | proven by |\n|---|---|---|\n{lines}\n"

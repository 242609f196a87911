"""The page of certification cases: which are shown by a test, which are not yet, and which are not meant to be."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent.parent / "tests" / "certification"
sys.path.insert(0, str(TESTS))

from cert_open import EXEMPT, NOT_YET  # noqa: E402
from ids import CASES, Case  # noqa: E402

HEAD = """# OCPP certification cases

Made by `make docs` from `tests/certification/`; do not edit.

The Open Charge Alliance certifies a CSMS with a tool that plays the station and asks the operator for manual
actions. Each case below whose last column names a test is played the same way in `tests/certification/`: a scripted
station on a real socket, the real gateway and store, and the operator's own commands. The official schemas of the
package `ocpp` judge every message that the CSMS sends. A passed test is no certificate: only the Alliance gives one.

*Not yet* says what is missing; *exempt*, what is not done on purpose. "If declared" marks a case that counts only
for a CSMS that declares the feature.

"""


def shown_in(folder: Path) -> dict[str, list[str]]:
    """The tests that show each case, as ``file::test``, found in their marks ``case(...)``."""
    shown: dict[str, list[str]] = {}
    for path in sorted(folder.glob("test_cert*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                for one in _marks(node.decorator_list):
                    shown.setdefault(one, []).append(f"{path.name}::{node.name}")
    return shown


def _marks(decorators: Iterable[ast.expr]) -> Iterator[str]:
    for decorator in decorators:
        for node in ast.walk(decorator):
            match node:
                case ast.Call(func=ast.Name(id="case"), args=args):
                    yield from (one.value for one in args if isinstance(one, ast.Constant))
                case _:
                    pass


def page() -> str:
    """The whole page."""
    shown = shown_in(TESTS)
    return HEAD + _counts(shown) + "".join(_tables(shown))


def _counts(shown: Mapping[str, Any]) -> str:
    rows = [_count(f"OCPP {version}", cases, shown) for version, cases in _by_version()]
    mandatory = [case for case in CASES if case.version == "2.0.1" and _is_mandatory(case)]
    rows.insert(1, _count("of these mandatory", mandatory, shown))
    return "| | cases | shown | not yet | exempt |\n|---|---|---|---|---|\n" + "".join(rows)


def _is_mandatory(case: Case) -> bool:
    return any(not profile.endswith(" if declared") for profile in case.profiles.split("; "))


def _count(name: str, cases: list[Case], shown: Mapping[str, Any]) -> str:
    numbers = (sum(case.id in table for case in cases) for table in (shown, NOT_YET, EXEMPT))
    return f"| {name} | {len(cases)} | " + " | ".join(str(number) for number in numbers) + " |\n"


def _by_version() -> list[tuple[str, list[Case]]]:
    return [(version, list(cases)) for version, cases in groupby(CASES, lambda case: case.version)]


def _tables(shown: Mapping[str, list[str]]) -> Iterator[str]:
    for version, cases in _by_version():
        yield f"\n## OCPP {version}\n"
        for profiles, of_it in groupby(cases, lambda case: case.profiles):
            yield f"\n### {profiles}\n\n| case | about | shown by |\n|---|---|---|\n"
            yield from (f"| {case.id} | {case.about} | {_state(case.id, shown)} |\n" for case in of_it)


def _state(case_id: str, shown: Mapping[str, list[str]]) -> str:
    if case_id in shown:
        return "<br>".join(f"`{test}`" for test in shown[case_id])
    if case_id in NOT_YET:
        return f"*not yet*: {NOT_YET[case_id]}"
    return f"*exempt*: {EXEMPT[case_id]}"

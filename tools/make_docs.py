"""Make the generated pages of docs/: the facts, from the file that defines them, and OCPP's messages, from its tables."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable
from pathlib import Path

from elstrada.model import facts
from elstrada.ocpp.versions import VERSIONS, Version

DOCS = Path(__file__).parent.parent / "docs"
OCPP = "protocols/ocpp.md"
MADE, END = "<!-- made by `make docs` from ocpp/vNN/translate.py; do not edit -->\n", "<!-- end -->\n"
"""Around the made part of a page that is otherwise written by hand."""


def pages() -> dict[str, str]:
    """Every generated page, by its path below docs/."""
    ocpp = (DOCS / OCPP).read_text()
    return {"facts.md": _facts(ast.parse(inspect.getsource(facts))), OCPP: _with_messages(ocpp)}


def _facts(module: ast.Module) -> str:
    head = "# Facts\n\nMade by `make docs` from `model/facts.py`; do not edit.\n\n"
    return head + (ast.get_docstring(module) or "") + "\n" + "".join(_fact(node) for node in _classes(module))


def _classes(module: ast.Module) -> Iterable[ast.ClassDef]:
    return (node for node in module.body if isinstance(node, ast.ClassDef))


def _fact(node: ast.ClassDef) -> str:
    said = ast.get_docstring(node)
    table = "\n".join(f"| `{name}` | `{kind}` | {text} |" for name, kind, text in _fields(node))
    return (
        f"\n## {node.name}\n"
        + (f"\n{said}\n" if said else "")
        + f"\n| field | type | |\n|---|---|---|\n{table}\n"
    )


def _fields(node: ast.ClassDef) -> Iterable[tuple[str, str, str]]:
    following = [*node.body[1:], None]
    for part, after in zip(node.body, following, strict=True):
        if isinstance(part, ast.AnnAssign):
            kind = ast.unparse(part.annotation).replace("|", "\\|")
            yield ast.unparse(part.target), kind, _text(after)


def _text(node: ast.stmt | None) -> str:
    match node:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return " ".join(text.split()).replace("|", "\\|")
        case _:
            return ""


# --- OCPP -------------------------------------------------------------------------------------------


def _with_messages(page: str) -> str:
    head, _, rest = page.partition(MADE)
    _, _, tail = rest.partition(END)
    return head + MADE + "".join(_version(version) for version in VERSIONS.values()) + "\n" + END + tail


def _version(version: Version) -> str:
    inbound = "\n".join(_inbound(version, action) for action in sorted(version.inbound))
    commands = {row.action: name.value for name, row in version.outbound.items()}
    outbound = "\n".join(_outbound(action, commands.get(action)) for action in sorted(version.to_station))
    return (
        f"\n### {version.protocol.value}: {len(version.actions)} actions\n"
        f"\nFrom the station, {len(version.inbound)}:\n\n| action | answer | why |\n|---|---|---|\n{inbound}\n"
        f"\nTo the station, {len(version.to_station)}:\n\n| action | by |\n|---|---|\n{outbound}\n"
    )


def _inbound(version: Version, action: str) -> str:
    row = version.inbound[action]
    how = "decided" if row.asks else "plain"
    return f"| {action} | {'none, it is sent' if action in version.sends else how} | {row.why} |"


def _outbound(action: str, command: str | None) -> str:
    return f"| {action} | {f'`station command` {command}, ' if command else ''}`station call` |"


def main() -> None:
    for path, text in pages().items():
        (DOCS / path).write_text(text)
        print(f"docs/{path}")


if __name__ == "__main__":
    main()

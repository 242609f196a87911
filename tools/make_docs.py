"""Make the generated pages of docs/: so far the facts, from the file that defines them."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable
from pathlib import Path

from elstrada.model import facts

DOCS = Path(__file__).parent.parent / "docs"


def pages() -> dict[str, str]:
    """Every generated page, by its path below docs/."""
    return {"facts.md": _facts(ast.parse(inspect.getsource(facts)))}


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


def main() -> None:
    for path, text in pages().items():
        (DOCS / path).write_text(text)
        print(f"docs/{path}")


if __name__ == "__main__":
    main()

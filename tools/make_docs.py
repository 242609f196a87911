"""Make the generated pages of docs/: the facts, from the file that defines them; OCPP's messages, from its tables;
its certification cases, what stations do and what peers do, from the tests that show them; stations' quirks, from their table."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable
from pathlib import Path

import certification_page
import quirks_page
from elstrada.model import facts
from elstrada.ocpp.versions import VERSIONS, Version
from ocpi_rules import page as ocpi_rules
from robustness import page as robustness

DOCS = Path(__file__).parent.parent / "docs"
OCPP = "protocols/ocpp.md"
MADE, END = "<!-- made by `make docs` from ocpp/vNN/translate.py; do not edit -->\n", "<!-- end -->\n"
"""Around the made part of a page that is otherwise written by hand."""


def pages() -> dict[str, str]:
    """Every generated page, by its path below docs/."""
    ocpp = (DOCS / OCPP).read_text()
    return {
        "facts.md": _facts(ast.parse(inspect.getsource(facts))),
        OCPP: _with_messages(ocpp),
        "protocols/ocpp-certification.md": certification_page.page(),
        "protocols/ocpi-rules.md": ocpi_rules(),
        "protocols/quirks.md": quirks_page.page(),
        "protocols/robustness.md": robustness(),
    }


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
    outbound = "\n".join(
        _outbound(version, action, commands.get(action)) for action in sorted(version.to_station)
    )
    return (
        f"\n### {version.protocol.value}: {len(version.actions)} actions\n"
        f"\nFrom the station, {len(version.inbound)}:\n\n| action | answer |\n|---|---|\n{inbound}\n"
        f"\nTo the station, {len(version.to_station)}:\n\n| action | by | what it answers |\n|---|---|---|\n{outbound}\n"
    )


def _inbound(version: Version, action: str) -> str:
    row = version.inbound[action]
    return f"| {action} | {'none, it is sent' if action in version.sends else row.how.value} |"


_OWN_VERBS = {
    "CANCEL_RESERVATION": "`station unreserve`",
    "CHANGE_PASSWORD": "`station password`",
    "INSTALL_SIGNED": "what follows SignCertificate",
    "RESERVE": "`station reserve`",
    "SEND_LOCAL_LIST": "`station whitelist`",
}
"""Commands that are not given by `station command`, and what gives them."""


_VERBS_OF_ACTIONS = {
    "AFRRSignal": "`station signal`",
    "ChangeTransactionTariff": "`station tariff`",
    "ClearTariffs": "`station tariffs`",
    "CostUpdated": "what follows a reading",
    "GetTariffs": "`station tariffs`",
    "NotifyAllowedEnergyTransfer": "`session allow`",
    "NotifyWebPaymentStarted": "what follows a good code",
    "RequestBatterySwap": "`station swap`",
    "SetChargingProfile": "`station limit`",
    "SetDefaultTariff": "`station tariff`",
    "SetNetworkProfile": "`station network`",
    "UpdateDynamicSchedule": "`station setpoint`",
    "UsePriorityCharging": "`session hurry`",
}
"""Likewise, where there is no command of that name."""


def _outbound(version: Version, action: str, command: str | None) -> str:
    by = _OWN_VERBS.get(command, f"`station command` {command}") if command else _VERBS_OF_ACTIONS.get(action)
    by = f"{by}, " if by else ""
    kept = "kept" if action in version.from_answers else ""
    return f"| {action} | {by}`station call` | {kept} |"


def main() -> None:
    for path, text in pages().items():
        (DOCS / path).write_text(text)
        print(f"docs/{path}")


if __name__ == "__main__":
    main()

"""Worked prices: cases of a tariff, a CDR and what must come out, checked one by one."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import click
import msgspec

from elstrada.cli.output import printable
from elstrada.model.cost import Cost, Price
from elstrada.model.tariff import Tariff
from elstrada.ocpi.body import encode, parse
from elstrada.ocpi.rateable import Misread, tariffs_in
from elstrada.roles.rerating import Rerating
from elstrada.tariffs.policy import Policy, rounded
from elstrada.tariffs.refusals import NetUnknown, NotPriced, WrongCurrency


class _Options(msgspec.Struct, frozen=True):
    reservation_expired: bool = False


class _Case(msgspec.Struct, frozen=True):
    """One file: see the folder's own README."""

    id: str
    ocpi_version: str
    tz: str
    tariff: msgspec.Raw
    cdr: msgspec.Raw
    expected: dict[str, Decimal | None]
    """``decimals``, and amounts by name; null for one that cannot be known."""
    options: _Options = _Options()


class _Result(msgspec.Struct, frozen=True):
    """What came out."""

    case: str
    met: bool
    expected: str
    found: str
    remark: str = ""


_CASE = msgspec.json.Decoder(_Case)
_Figures = Mapping[str, Decimal | None]


def check_vectors(folder: Path, policies: Mapping[str, Policy]) -> bool:
    """Price every case of a folder and those within, and write a table of them.

    Returns:
        Whether there are any, and all are met.
    """
    files = sorted(folder.rglob("*.json"))
    results = [_checked(file, policies) for file in files]
    width = max((len(one.case) for one in results), default=0)
    for one in results:
        mark = "met    " if one.met else "NOT MET"
        told = f"{mark}  {one.case:<{width}}  expected {one.expected}; found {one.found}"
        click.echo(printable(f"{told} ({one.remark})" if one.remark else told))
    met = sum(one.met for one in results)
    click.echo(f"{met} of {len(results)}")
    return met == len(results) > 0


def _checked(file: Path, policies: Mapping[str, Policy]) -> _Result:
    try:
        case = _CASE.decode(file.read_bytes())
    except msgspec.DecodeError as problem:
        return _Result(file.stem, False, "a case", str(problem))
    if case.ocpi_version not in policies or case.expected.get("decimals") is None:
        return _Result(case.id, False, "a case", f"version {case.ocpi_version[:20]}, or no decimals")
    wanted = {name: value for name, value in case.expected.items() if name != "decimals"}
    remark = ""
    try:
        tariffs = tariffs_in(bytes(case.tariff), case.ocpi_version)
        try:
            found = _figures(case, bytes(case.cdr), tariffs, policies)
        except WrongCurrency:
            remark = f"priced in {tariffs[0].currency}, of which its CDR does not speak"
            found = _figures(case, _in_currency(case, tariffs[0].currency), tariffs, policies)
    except (Misread, NotPriced) as problem:
        return _Result(case.id, False, _shown(wanted), str(problem), remark)
    found = {name: found.get(name) for name in wanted}
    return _Result(case.id, found == wanted, _shown(wanted), _shown(found), remark)


def _figures(
    case: _Case, cdr: bytes, tariffs: tuple[Tariff, ...], policies: Mapping[str, Policy]
) -> _Figures:
    """What the case's CDR costs by its tariff, under the names of ``expected``."""
    decimals = int(case.expected["decimals"] or 0)
    version = case.ocpi_version
    policy = msgspec.structs.replace(policies[version], usual_decimals=decimals)
    rerating = Rerating(
        tariffs=tariffs,
        version=version,
        time_zone=case.tz,
        reservation_expired=case.options.reservation_expired,
        policies={version: policy},
    )
    try:
        return _figures_of(rerating.rate(cdr).cost, decimals)
    except NetUnknown as refusal:
        return {"total_excl": None, "total_incl": refusal.gross}


def _in_currency(case: _Case, currency: str) -> bytes:
    """The case's CDR in its tariff's money: a case is about amounts, and rule 16 would refuse it."""
    cdr = parse(bytes(case.cdr))
    assert isinstance(cdr, dict), "it has been priced but for its currency"
    return encode({**cdr, "currency": currency})


def _figures_of(cost: Cost, decimals: int) -> _Figures:
    def part(one: Price | None) -> Decimal:
        return rounded(one.before_taxes if one else Decimal(0), decimals)

    return {
        "total_excl": cost.total.before_taxes,
        "total_incl": cost.total.after_taxes,
        "fixed_excl": part(cost.fixed),
        "energy_excl": part(cost.energy),
        "time_excl": part(cost.time),
        "parking_excl": part(cost.parking),
        "reservation_excl": part(cost.reservation),
        "energy_billed": sum(
            (line.quantity for line in cost.lines if line.dimension == "ENERGY"), Decimal(0)
        ),
    }


def _shown(figures: _Figures) -> str:
    return ", ".join(f"{name} {'unknown' if value is None else value}" for name, value in figures.items())

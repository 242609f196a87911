"""Plug & Charge: can contracts be judged, and who is asked about them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from cryptography import x509

from elstrada.model.node import Part
from elstrada.roles.contracts.authorities import read_authorities
from elstrada.roles.doctor.case import Case, Finding, fine, problem, warning
from elstrada.settings import PlugAndChargeSection

AREA = "plug and charge"


def examine_plug_and_charge(case: Case) -> Iterator[Finding]:
    """Of a node that stations connect to, once anything of it is set."""
    told = case.config.stations.plug_and_charge
    if Part.GATEWAY not in case.config.parts or told == PlugAndChargeSection():
        return
    yield from _authorities(case, told.authorities)
    if told.unverified == "accept":
        says = "contracts of which nobody says for certain that they are not revoked may charge"
        yield warning(AREA, says, "set stations.plug_and_charge.unverified to refuse, once responders answer")
    if told.pool is not None and told.pool.startswith("http:"):
        says = f"{told.pool}: the pool is asked in the clear"
        yield problem(AREA, says, "set stations.plug_and_charge.pool to https")
    if told.pool_folder is not None:
        yield _folder(told.pool_folder)


def _authorities(case: Case, files: tuple[Path, ...]) -> Iterator[Finding]:
    if not files:
        says = "no authorities of contracts are named, so no contract can be checked"
        yield problem(AREA, says, "set stations.plug_and_charge.authorities")
        return
    try:
        known = read_authorities(files)
    except (OSError, ValueError) as trouble:
        says = f"the authorities of contracts cannot be read: {trouble}"
        yield problem(AREA, says, "see stations.plug_and_charge.authorities")
        return
    if not known.roots:
        says = "there is no root among the authorities of contracts, so no chain leads to one"
        yield problem(AREA, says, "add the mobility operators' roots to stations.plug_and_charge.authorities")
    now, soon = case.machine.now, timedelta(days=case.config.stations.certificate_days)
    ending = [one for one in known.certificates if one.not_valid_after_utc < now + soon]
    for one in ending:
        ends = one.not_valid_after_utc
        says = f"{_name(one)} {'ended' if ends <= now else 'ends'} on {ends:%Y-%m-%d}"
        yield warning(AREA, says, "replace it; a running server takes the file up by itself")
    if known.roots and not ending:
        yield fine(
            AREA, f"{len(known.certificates)} authorities of contracts, {len(known.roots)} of them roots"
        )


def _folder(folder: Path) -> Finding:
    if not folder.is_dir():
        says = f"{folder} is no folder, so cars get no contracts"
        return problem(AREA, says, "see stations.plug_and_charge.pool_folder")
    says = f"cars get contracts that somebody has put into {folder}"
    return warning(AREA, says, "good for a laboratory; otherwise set stations.plug_and_charge.pool")


def _name(one: x509.Certificate) -> str:
    return one.subject.rfc4514_string()[:80]

"""One examination, of everything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from elstrada.config import Config
from elstrada.roles.doctor.case import Case, Examine, Finding, Machine
from elstrada.roles.doctor.certifiers import examine_certifiers
from elstrada.roles.doctor.file_door import examine_file_door
from elstrada.roles.doctor.files import examine_files
from elstrada.roles.doctor.knocks import examine_knocks
from elstrada.roles.doctor.machine import examine_disk, examine_versions
from elstrada.roles.doctor.messaging import examine_nats
from elstrada.roles.doctor.partners import examine_partners
from elstrada.roles.doctor.plug_and_charge import examine_plug_and_charge
from elstrada.roles.doctor.ports import examine_ports
from elstrada.roles.doctor.settings import examine_settings
from elstrada.roles.doctor.store import examine_store
from elstrada.roles.doctor.tls import examine_tls

EXAMINATIONS: Sequence[Examine] = (
    examine_versions,
    examine_settings,
    examine_files,
    examine_disk,
    examine_store,
    examine_nats,
    examine_ports,
    examine_tls,
    examine_knocks,
    examine_plug_and_charge,
    examine_file_door,
)
"""What can be seen without troubling anybody else."""


def examine(config: Config, machine: Machine, *, partners: bool = False) -> Iterator[Finding]:
    """Look at everything; with ``partners``, ask them too, and all who have to do with certificates."""
    case = Case(config=config, machine=machine)
    for examination in EXAMINATIONS:
        yield from examination(case)
    if partners:
        yield from examine_partners(case)
        yield from examine_certifiers(case)

"""M: root certificates installed, listed and deleted (part 6 section 3.14)."""

from __future__ import annotations

from pathlib import Path

import pytest
from cert_csms import Csms
from cert_station import Json, Station

from authority import Authority
from elstrada.model.device import CommandResult

case = pytest.mark.case


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    return Authority(Path(tmp_path_factory.mktemp("root")), "Root").file.read_text()


async def install(
    csms: Csms,
    station: Station,
    kind: str,
    certificate: str,
    status: str = "Accepted",
    result: CommandResult = CommandResult.ACCEPTED,
) -> None:
    wanted = {"certificateType": kind, "certificate": certificate}
    asked, end = await csms.calls(station, "InstallCertificate", wanted, status=status)
    assert asked == wanted
    assert end.result is result


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("CSMSRootCertificate", marks=case("TC_M_01_CSMS")),
        pytest.param("ManufacturerRootCertificate", marks=case("TC_M_02_CSMS")),
        pytest.param("V2GRootCertificate", marks=case("TC_M_03_CSMS")),
        pytest.param("MORootCertificate", marks=case("TC_M_04_CSMS")),
    ],
)
async def test_a_root_is_installed(csms: Csms, station: Station, root: str, kind: str):
    await install(csms, station, kind, root)


@case("TC_M_05_CSMS")
async def test_a_root_that_the_station_cannot_keep(csms: Csms, station: Station, root: str):
    await install(csms, station, "CSMSRootCertificate", root, "Failed", CommandResult.FAILED)


# --- listed ------------------------------------------------------------------------------------------

HASH_LENGTHS = {"SHA256": 64, "SHA384": 96, "SHA512": 128}


def hashed(algorithm: str = "SHA256", serial: str = "4a3f") -> Json:
    digits = HASH_LENGTHS[algorithm]
    return {
        "hashAlgorithm": algorithm,
        "issuerNameHash": "a1" * (digits // 2),
        "issuerKeyHash": "b2" * (digits // 2),
        "serialNumber": serial,
    }


def chain(kind: str, algorithm: str = "SHA256", serial: str = "4a3f") -> Json:
    return {"certificateType": kind, "certificateHashData": hashed(algorithm, serial)}


async def listed(csms: Csms, station: Station, wanted: list[str] | None, *chains: Json) -> Json:
    """The operator asks what is installed. Returns what he is told of it."""
    given = {} if wanted is None else {"certificateType": wanted}
    answer = {"status": "Accepted", "certificateHashDataChain": list(chains)}
    asked, end = await csms.calls(station, "GetInstalledCertificateIds", given, **answer)
    assert asked == given
    assert end.result is CommandResult.ACCEPTED
    kept = await csms.items(station, "CERTIFICATE")
    serials = sorted(told["certificateHashData"]["serialNumber"] for told in kept.values())
    assert serials == sorted(told["certificateHashData"]["serialNumber"] for told in chains)
    return answer["certificateHashDataChain"]


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("ManufacturerRootCertificate", marks=case("TC_M_13_CSMS")),
        pytest.param("V2GRootCertificate", marks=case("TC_M_14_CSMS")),
        pytest.param("V2GCertificateChain", marks=case("TC_M_15_CSMS")),
        pytest.param("MORootCertificate", marks=case("TC_M_16_CSMS")),
    ],
)
async def test_certificates_of_a_kind_are_listed(csms: Csms, station: Station, kind: str):
    await listed(csms, station, [kind], chain(kind))


@case("TC_M_18_CSMS")
async def test_certificates_of_all_kinds_are_listed(csms: Csms, station: Station):
    v2g = chain("V2GCertificateChain") | {"childCertificateHashData": [hashed(serial="01")]}
    roots = (chain("CSMSRootCertificate", serial="02"), chain("MORootCertificate", serial="03"))
    await listed(csms, station, None, *roots, v2g)


@case("TC_M_19_CSMS")
async def test_no_certificate_of_the_kind_is_installed(csms: Csms, station: Station):
    given = {"certificateType": ["ManufacturerRootCertificate"]}
    asked, end = await csms.calls(station, "GetInstalledCertificateIds", given, status="NotFound")
    assert asked == given
    assert end.result is CommandResult.UNKNOWN


# --- deleted -----------------------------------------------------------------------------------------


async def delete(csms: Csms, station: Station, algorithm: str, status: str, result: CommandResult) -> None:
    """The operator deletes what he has seen in the list."""
    kind = "CSMSRootCertificate"
    (known,) = await listed(csms, station, [kind], chain(kind, algorithm))
    given = {"certificateHashData": known["certificateHashData"]}
    asked, end = await csms.calls(station, "DeleteCertificate", given, status=status)
    assert asked == given
    assert end.result is result
    kept = await csms.items(station, "CERTIFICATE")
    assert len(kept) == (0 if status == "Accepted" else 1)


@case("TC_M_20_CSMS")
@pytest.mark.parametrize("algorithm", HASH_LENGTHS)
async def test_a_certificate_is_deleted(csms: Csms, station: Station, root: str, algorithm: str):
    await install(csms, station, "CSMSRootCertificate", root)
    await delete(csms, station, algorithm, "Accepted", CommandResult.ACCEPTED)


@case("TC_M_21_CSMS")
async def test_a_certificate_that_the_station_cannot_delete(csms: Csms, station: Station, root: str):
    await install(csms, station, "CSMSRootCertificate", root)
    await delete(csms, station, "SHA256", "Failed", CommandResult.FAILED)

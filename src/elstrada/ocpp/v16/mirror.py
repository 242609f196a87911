"""What OCPP 1.6 tells of a station's store: its configuration keys and its certificates."""

from __future__ import annotations

from collections.abc import Mapping

from elstrada.model.mirror import Attribute, Item, ItemKind, Learned, Variable
from elstrada.ocpp.mirror import item, words
from elstrada.ocpp.table import Learning, learn
from elstrada.ocpp.v16 import contracts, profiles
from elstrada.ocpp.v16 import messages as m

_SET = frozenset({"Accepted", "RebootRequired"})
_TOLD = frozenset({"Accepted", "NotFound"})


def _configuration(request: m.GetConfigurationRequest, response: m.GetConfigurationResponse) -> Learned:
    """1.6 §5.8. Asked for no key, a station names all it has; a key it does not know is not there."""
    items = tuple(_key(one) for one in response.configuration_key or ())
    gone = tuple((ItemKind.VARIABLE, key) for key in response.unknown_key or ())
    whole = frozenset[ItemKind]() if request.key else frozenset({ItemKind.VARIABLE})
    return Learned(items=items, gone=gone, replaces=whole)


def _key(told: m.ConfigurationKey) -> Item:
    mutability = "ReadOnly" if told.readonly else "ReadWrite"
    return item(Variable(name=told.key, attributes=(Attribute(value=told.value, mutability=mutability),)))


def _changed(request: m.ChangeConfigurationRequest, response: m.ChangeConfigurationResponse) -> Learned:
    """1.6 §5.3."""
    if response.status not in _SET:
        return Learned()
    attribute = Attribute(value=request.value, pending=response.status == "RebootRequired")
    return Learned(items=(item(Variable(name=request.key, attributes=(attribute,))),))


def _certificates(
    request: m.GetInstalledCertificateIdsRequest, response: m.GetInstalledCertificateIdsResponse
) -> Learned:
    """Security whitepaper, M03: those of one type; of the others nothing is said."""
    items = tuple(
        Item(ItemKind.CERTIFICATE, _certificate_key(one), words(one))
        for one in response.certificate_hash_data or ()
    )
    return Learned(items=items)


def _deleted(request: m.DeleteCertificateRequest, response: m.DeleteCertificateResponse) -> Learned:
    if response.status not in _TOLD:
        return Learned()
    return Learned(gone=((ItemKind.CERTIFICATE, _certificate_key(request.certificate_hash_data)),))


def _certificate_key(hashes: m.CertificateHashDataType) -> str:
    """A serial number is unique for its issuer only."""
    return f"{hashes.serial_number}/{hashes.issuer_key_hash}"


FROM_ANSWERS: Mapping[str, Learning] = {
    **profiles.FROM_ANSWERS,
    "ChangeConfiguration": learn(m.ChangeConfigurationRequest, m.ChangeConfigurationResponse, _changed),
    "DataTransfer": learn(m.DataTransferRequest, m.DataTransferResponse, contracts.learned),
    "DeleteCertificate": learn(m.DeleteCertificateRequest, m.DeleteCertificateResponse, _deleted),
    "GetConfiguration": learn(m.GetConfigurationRequest, m.GetConfigurationResponse, _configuration),
    "GetInstalledCertificateIds": learn(
        m.GetInstalledCertificateIdsRequest, m.GetInstalledCertificateIdsResponse, _certificates
    ),
}

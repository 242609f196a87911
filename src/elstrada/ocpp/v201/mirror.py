"""What OCPP 2.0.1 tells of a station's store: its device model, its monitors, its certificates."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from elstrada.model.mirror import (
    Attribute,
    Characteristics,
    Expected,
    Item,
    ItemKind,
    Learned,
    Monitor,
    Part,
    Variable,
)
from elstrada.ocpp.intake import Intake
from elstrada.ocpp.mirror import item, words
from elstrada.ocpp.table import Inbound, Learning, keep, learn
from elstrada.ocpp.v201 import display, network, profiles
from elstrada.ocpp.v201 import messages as m

ACCEPTED = "Accepted"

# --- from the station -----------------------------------------------------------------------------


def _report(message: m.NotifyReportRequest, intake: Intake) -> Learned:
    """B07: variables, in as many messages as it takes."""
    part = Part(
        kind=ItemKind.VARIABLE,
        request_id=message.request_id,
        seq_no=intake.number(message.seq_no, "/seqNo"),
        last=not message.tbc,
    )
    return Learned(items=tuple(_reported(one) for one in message.report_data or ()), part=part)


def _reported(told: m.ReportDataType) -> Item:
    attributes = tuple(
        Attribute(
            type=attribute.type or "Actual",
            value=attribute.value,
            mutability=attribute.mutability or "ReadWrite",  # 2.0.1 part 2, VariableAttributeType.
            persistent=attribute.persistent or False,
            constant=attribute.constant or False,
        )
        for attribute in told.variable_attribute
    )
    return _variable(told.component, told.variable, attributes, _characteristics(told))


def _characteristics(told: m.ReportDataType) -> Characteristics | None:
    known = told.variable_characteristics
    if known is None:
        return None
    return Characteristics(
        data_type=known.data_type,
        unit=known.unit,
        min_limit=_number(known.min_limit),
        max_limit=_number(known.max_limit),
        values_list=known.values_list,
        supports_monitoring=known.supports_monitoring,
    )


def _number(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"


def _variable(
    component: m.ComponentType,
    variable: m.VariableType,
    attributes: tuple[Attribute, ...] = (),
    characteristics: Characteristics | None = None,
) -> Item:
    return item(_named(component, variable, attributes, characteristics))


def _named(
    component: m.ComponentType,
    variable: m.VariableType,
    attributes: tuple[Attribute, ...] = (),
    characteristics: Characteristics | None = None,
) -> Variable:
    evse = component.evse
    return Variable(
        component=component.name,
        component_instance=component.instance,
        evse_id=None if evse is None else evse.id,
        connector_id=None if evse is None else evse.connector_id,
        name=variable.name,
        instance=variable.instance,
        attributes=attributes,
        characteristics=characteristics,
    )


def _monitoring_report(message: m.NotifyMonitoringReportRequest, intake: Intake) -> Learned:
    """N02."""
    part = Part(
        kind=ItemKind.MONITOR,
        request_id=message.request_id,
        seq_no=intake.number(message.seq_no, "/seqNo"),
        last=not message.tbc,
    )
    items = tuple(
        _monitor(monitor.id, one.component, one.variable, monitor)
        for one in message.monitor or ()
        for monitor in one.variable_monitoring
    )
    return Learned(items=items, part=part)


def _monitor(
    number: int,
    component: m.ComponentType,
    variable: m.VariableType,
    told: m.VariableMonitoringType | m.SetMonitoringDataType,
) -> Item:
    return item(
        Monitor(
            id=number,
            variable=_named(component, variable).key,
            type=told.type,
            value=f"{told.value:f}",
            severity=told.severity,
            transaction=told.transaction or False,
        )
    )


def _customer(message: m.NotifyCustomerInformationRequest, intake: Intake) -> Learned:
    """N09: text, cut wherever a message was full."""
    part = Part(
        kind=ItemKind.CUSTOMER_INFORMATION,
        request_id=message.request_id,
        seq_no=intake.number(message.seq_no, "/seqNo"),
        last=not message.tbc,
    )
    key = f"{message.request_id}/{message.seq_no:05}"
    piece = Item(ItemKind.CUSTOMER_INFORMATION, key, json.dumps(message.data))
    return Learned(items=(piece,), part=part)


INBOUND: Mapping[str, Inbound] = {
    "NotifyCustomerInformation": keep(
        m.NotifyCustomerInformationRequest, _customer, m.NotifyCustomerInformationResponse()
    ),
    **display.INBOUND,
    **profiles.INBOUND,
    "NotifyMonitoringReport": keep(
        m.NotifyMonitoringReportRequest, _monitoring_report, m.NotifyMonitoringReportResponse()
    ),
    "NotifyReport": keep(m.NotifyReportRequest, _report, m.NotifyReportResponse()),
}

# --- from what a station answers -------------------------------------------------------------------


def _got(_: m.GetVariablesRequest, response: m.GetVariablesResponse) -> Learned:
    """B06. A variable that is unknown is no longer there."""
    items, gone = list[Item](), list[tuple[ItemKind, str]]()
    for result in response.get_variable_result:
        if result.attribute_status == ACCEPTED:
            attribute = Attribute(type=result.attribute_type or "Actual", value=result.attribute_value)
            items.append(_variable(result.component, result.variable, (attribute,)))
        elif result.attribute_status in _UNKNOWN:
            gone.append((ItemKind.VARIABLE, _named(result.component, result.variable).key))
    return Learned(items=tuple(items), gone=tuple(gone))


_UNKNOWN = frozenset({"UnknownComponent", "UnknownVariable"})


def _set(request: m.SetVariablesRequest, response: m.SetVariablesResponse) -> Learned:
    """B05: what was accepted, each with the value that was asked for."""
    asked = {_slot(one): one.attribute_value for one in request.set_variable_data}
    items = tuple(
        _variable(result.component, result.variable, (_after_set(result, asked[_slot(result)]),))
        for result in response.set_variable_result
        if result.attribute_status in _SET and _slot(result) in asked
    )
    return Learned(items=items)


_SET = frozenset({ACCEPTED, "RebootRequired"})


def _slot(one: m.SetVariableDataType | m.SetVariableResultType) -> tuple[str, str]:
    return _named(one.component, one.variable).key, one.attribute_type or "Actual"


def _after_set(result: m.SetVariableResultType, value: str) -> Attribute:
    pending = result.attribute_status != ACCEPTED
    return Attribute(type=result.attribute_type or "Actual", value=value, pending=pending)


def _base_report(request: m.GetBaseReportRequest, response: m.GetBaseReportResponse) -> Learned:
    """B07. Only the full inventory names everything."""
    whole = request.report_base == m.ReportBaseEnumType.FULL_INVENTORY
    return _expected(ItemKind.VARIABLE, request.request_id, response.status, whole=whole)


def _custom_report(request: m.GetReportRequest, response: m.GetReportResponse) -> Learned:
    """B08."""
    return _expected(ItemKind.VARIABLE, request.request_id, response.status, whole=False)


def _monitors_asked(
    request: m.GetMonitoringReportRequest, response: m.GetMonitoringReportResponse
) -> Learned:
    """N02. Without criteria, all monitors are asked for; an empty answer says that there are none."""
    whole = not request.component_variable and not request.monitoring_criteria
    if whole and response.status == "EmptyResultSet":
        return Learned(replaces=frozenset({ItemKind.MONITOR}))
    return _expected(ItemKind.MONITOR, request.request_id, response.status, whole=whole)


def _expected(kind: ItemKind, request_id: int, status: str, *, whole: bool) -> Learned:
    if status != ACCEPTED:
        return Learned()
    return Learned(expected=Expected(kind=kind, request_id=request_id, whole=whole))


def _monitors_set(
    request: m.SetVariableMonitoringRequest, response: m.SetVariableMonitoringResponse
) -> Learned:
    """N04: what was accepted, each under the number the station gave it."""
    unmatched = list(request.set_monitoring_data)
    items = list[Item]()
    for result in response.set_monitoring_result:
        asked = _asked_for(result, unmatched)
        if asked is not None:
            unmatched.remove(asked)
            if result.status == ACCEPTED and result.id is not None:
                items.append(_monitor(result.id, result.component, result.variable, asked))
    return Learned(items=tuple(items))


def _asked_for(
    result: m.SetMonitoringResultType, asked: Sequence[m.SetMonitoringDataType]
) -> m.SetMonitoringDataType | None:
    """What a result answers: results may come in another order, and name variable, type and severity."""
    place = _named(result.component, result.variable).key
    for one in asked:
        same = (one.type, one.severity) == (result.type, result.severity)
        if same and _named(one.component, one.variable).key == place:
            return one
    return None


def _monitors_cleared(
    _: m.ClearVariableMonitoringRequest, response: m.ClearVariableMonitoringResponse
) -> Learned:
    """N06. One that is not found is gone as well."""
    gone = (one.id for one in response.clear_monitoring_result if one.status in (ACCEPTED, "NotFound"))
    return Learned(gone=tuple((ItemKind.MONITOR, str(number)) for number in gone))


def _certificates(
    request: m.GetInstalledCertificateIdsRequest, response: m.GetInstalledCertificateIdsResponse
) -> Learned:
    """M03. Asked without types, a station names all it has."""
    items = tuple(_certificate_items(response.certificate_hash_data_chain or ()))
    told = response.status in (ACCEPTED, "NotFound")
    whole = (
        frozenset({ItemKind.CERTIFICATE}) if told and not request.certificate_type else frozenset[ItemKind]()
    )
    return Learned(items=items, replaces=whole)


def _certificate_items(chains: Iterable[m.CertificateHashDataChainType]) -> Iterable[Item]:
    for chain in chains:
        yield Item(ItemKind.CERTIFICATE, _certificate_key(chain.certificate_hash_data), words(chain))


def _certificate_key(hashes: m.CertificateHashDataType) -> str:
    """A serial number is unique for its issuer only."""
    return f"{hashes.serial_number}/{hashes.issuer_key_hash}"


def _certificate_deleted(
    request: m.DeleteCertificateRequest, response: m.DeleteCertificateResponse
) -> Learned:
    """M04."""
    if response.status not in (ACCEPTED, "NotFound"):
        return Learned()
    return Learned(gone=((ItemKind.CERTIFICATE, _certificate_key(request.certificate_hash_data)),))


FROM_ANSWERS: Mapping[str, Learning] = {
    **display.FROM_ANSWERS,
    **network.FROM_ANSWERS,
    **profiles.FROM_ANSWERS,
    "ClearVariableMonitoring": learn(
        m.ClearVariableMonitoringRequest, m.ClearVariableMonitoringResponse, _monitors_cleared
    ),
    "DeleteCertificate": learn(m.DeleteCertificateRequest, m.DeleteCertificateResponse, _certificate_deleted),
    "GetBaseReport": learn(m.GetBaseReportRequest, m.GetBaseReportResponse, _base_report),
    "GetInstalledCertificateIds": learn(
        m.GetInstalledCertificateIdsRequest, m.GetInstalledCertificateIdsResponse, _certificates
    ),
    "GetMonitoringReport": learn(
        m.GetMonitoringReportRequest, m.GetMonitoringReportResponse, _monitors_asked
    ),
    "GetReport": learn(m.GetReportRequest, m.GetReportResponse, _custom_report),
    "GetVariables": learn(m.GetVariablesRequest, m.GetVariablesResponse, _got),
    "SetVariableMonitoring": learn(
        m.SetVariableMonitoringRequest, m.SetVariableMonitoringResponse, _monitors_set
    ),
    "SetVariables": learn(m.SetVariablesRequest, m.SetVariablesResponse, _set),
}

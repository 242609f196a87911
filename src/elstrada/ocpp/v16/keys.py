"""The configuration keys that OCPP 1.6 knows, for stations that cannot be asked for all they have.

Source: OCPP 1.6 edition 2 §9; security whitepaper edition 3 §2. AuthorizationKey is left out: nobody may read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from elstrada.model.quirk import Quirk

AT_ONCE = 20
"""Keys of one question, unless the station takes fewer."""
KEYS = (
    # Core.
    "AllowOfflineTxForUnknownId",
    "AuthorizationCacheEnabled",
    "AuthorizeRemoteTxRequests",
    "BlinkRepeat",
    "ClockAlignedDataInterval",
    "ConnectionTimeOut",
    "ConnectorPhaseRotation",
    "ConnectorPhaseRotationMaxLength",
    "GetConfigurationMaxKeys",
    "HeartbeatInterval",
    "LightIntensity",
    "LocalAuthorizeOffline",
    "LocalPreAuthorize",
    "MaxEnergyOnInvalidId",
    "MeterValueSampleInterval",
    "MeterValuesAlignedData",
    "MeterValuesAlignedDataMaxLength",
    "MeterValuesSampledData",
    "MeterValuesSampledDataMaxLength",
    "MinimumStatusDuration",
    "NumberOfConnectors",
    "ResetRetries",
    "StopTransactionOnEVSideDisconnect",
    "StopTransactionOnInvalidId",
    "StopTxnAlignedData",
    "StopTxnAlignedDataMaxLength",
    "StopTxnSampledData",
    "StopTxnSampledDataMaxLength",
    "SupportedFeatureProfiles",
    "SupportedFeatureProfilesMaxLength",
    "TransactionMessageAttempts",
    "TransactionMessageRetryInterval",
    "UnlockConnectorOnEVSideDisconnect",
    "WebSocketPingInterval",
    # Local lists, reservations, smart charging, firmware.
    "LocalAuthListEnabled",
    "LocalAuthListMaxLength",
    "SendLocalListMaxLength",
    "ReserveConnectorZeroSupported",
    "ChargeProfileMaxStackLevel",
    "ChargingScheduleAllowedChargingRateUnit",
    "ChargingScheduleMaxPeriods",
    "ConnectorSwitch3to1PhaseSupported",
    "MaxChargingProfilesInstalled",
    "SupportedFileTransferProtocols",
    # Security.
    "AdditionalRootCertificateCheck",
    "CertificateSignedMaxChainSize",
    "CertificateStoreMaxLength",
    "CpoName",
    "SecurityProfile",
)


def questions(quirks: Sequence[Quirk]) -> Iterator[Mapping[str, object]]:
    """Requests of GetConfiguration by which a station with these quirks tells as much as it can."""
    if all(quirk.does.asked_all_keys for quirk in quirks):
        yield {}
        return
    at_once = min((one.does.most_keys for one in quirks if one.does.most_keys), default=AT_ONCE)
    for first in range(0, len(KEYS), at_once):
        yield {"key": KEYS[first : first + at_once]}

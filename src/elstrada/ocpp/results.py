"""What the status of any response to us means, over all versions and actions."""

from __future__ import annotations

from collections.abc import Mapping

from elstrada.model.device import CommandResult

_STATUSES: Mapping[CommandResult, str] = {
    CommandResult.ACCEPTED: "Accepted AcceptedCanceled Unlocked Unpublished",
    CommandResult.SCHEDULED: "Scheduled RebootRequired",
    CommandResult.REJECTED: """
        Rejected ConditionNotSupported DownloadOngoing Duplicate DuplicateTariffId Faulted Invalid InvalidCertificate
        LanguageNotSupported NoCurrencyChange NotSupportedMessageFormat NotSupportedPriority NotSupportedState
        Occupied OngoingAuthorizedTransaction RevokedCertificate TooManyElements Unavailable VersionMismatch
    """,
    CommandResult.UNKNOWN: """
        EmptyResultSet NoFirmware NoProfile NoProfiles NoTariff NotFound TxNotFound Unknown UnknownComponent
        UnknownConnector UnknownMessageId UnknownTransaction UnknownVariable UnknownVendorId
    """,
    CommandResult.NOT_SUPPORTED: "NotImplemented NotSupported NotSupportedAttributeType UnsupportedMonitorType",
    CommandResult.FAILED: "Failed UnlockFailed",
}
RESULT_OF_STATUS: Mapping[str, CommandResult] = {
    status: result for result, statuses in _STATUSES.items() for status in statuses.split()
}

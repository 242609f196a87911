"""From the configuration to a file service."""

from __future__ import annotations

from elstrada.config import Config
from elstrada.roles.files.addresses import Files
from elstrada.roles.files.folder import Folder


def files_of(config: Config, node: str, listener_url: str = "") -> Files | None:
    """The file service as it is configured; None: there is none.

    Args:
        listener_url: of the door that is open; empty where none is, and no address can be given out.
    """
    files = config.files
    if not config.has_file_door:
        return None
    return Files(
        folder=Folder(config.files_dir, files.quota_megabytes << 20),
        public_url=(files.public_url or listener_url).rstrip("/"),
        node=node,
        shared=files.shared,
        upload_bytes=files.upload_megabytes << 20,
        hours=files.hours,
        days=files.days,
    )

"""Traces: what a node can wrap its hands in to tell how long each thing took. Off, they are the hands themselves."""

from __future__ import annotations

from typing import Protocol

from elstrada.net.face import HttpClient, HttpHandler
from elstrada.spine.face import Spine
from elstrada.spine.followers import Handle
from elstrada.spine.post import Post


class Traces(Protocol):
    """Wraps hands, each in one that does the same."""

    def spine(self, spine: Spine) -> Spine:
        """Commits."""
        ...

    def post(self, post: Post) -> Post:
        """Asks."""
        ...

    def client(self, client: HttpClient) -> HttpClient:
        """Requests to peers."""
        ...

    def handler(self, handler: HttpHandler) -> HttpHandler:
        """Requests of peers."""
        ...

    def follower(self, name: str, handle: Handle) -> Handle:
        """A follower's batches."""
        ...

    def close(self) -> None:
        """Send what was not sent yet; bounded in time."""
        ...


class NoTraces:
    """Costs nothing: every hand stays as it is."""

    def spine(self, spine: Spine) -> Spine:
        return spine

    def post(self, post: Post) -> Post:
        return post

    def client(self, client: HttpClient) -> HttpClient:
        return client

    def handler(self, handler: HttpHandler) -> HttpHandler:
        return handler

    def follower(self, name: str, handle: Handle) -> Handle:
        return handle

    def close(self) -> None:
        """There is nothing to send."""


def traces_to(endpoint: str | None, node: str) -> Traces:
    """Traces by OpenTelemetry, or none without an endpoint.

    Raises:
        ValueError: an endpoint is named, and OpenTelemetry is not installed.
    """
    if endpoint is None:
        return NoTraces()
    try:
        from elstrada.roles.otel import OtelTraces
    except ModuleNotFoundError as missing:
        raise ValueError(
            f"otel.endpoint is set, and {missing.name} is not installed: install elstrada[otel], or unset it"
        ) from None
    return OtelTraces(endpoint, node)

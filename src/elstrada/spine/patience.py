"""Waiting for a commit, and no longer than that."""

from __future__ import annotations

import asyncio

from elstrada.spine.face import SpineDown


async def within(commit: asyncio.Future[int], patience_s: float, what: str) -> int:
    """What a commit comes to, unless it takes too long.

    Whoever stops waiting cancels the future. The work may be done all the same, so its outcome is as
    unknown as when the store goes away in the middle (F5); but nobody is left who would have to be told.

    Args:
        what: is committed, for the error.
    Raises:
        SpineDown: not within so many seconds; and whatever the commit itself raises.
    """
    try:
        async with asyncio.timeout(patience_s):
            return await commit
    except TimeoutError:
        raise SpineDown(f"{what}: no commit within {patience_s:.1f} s") from None

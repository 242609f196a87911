"""eMAIDs, the names of contracts, which cars and stations write in several ways (P-08).

Source: ISO 15118-2 annex H; DIN 91286: two letters of a country, three of a provider, nine of a contract,
and a check digit that may be left out.
"""

from __future__ import annotations

_WITHOUT_CHECK_DIGIT, _WITH = 14, 15


def is_same(one: str, other: str) -> bool:
    """Do both name the same contract?"""
    first, second = _plain(one), _plain(other)
    lengths = {len(first), len(second)}
    if lengths == {_WITHOUT_CHECK_DIGIT, _WITH}:
        return first[:_WITHOUT_CHECK_DIGIT] == second[:_WITHOUT_CHECK_DIGIT]
    return bool(first) and first == second


def _plain(emaid: str) -> str:
    return emaid.replace("-", "").replace("*", "").strip().upper()

"""The certification cases that no test shows, each with the reason. A case that is shown stands in no table here."""

from __future__ import annotations

NOT_YET: dict[str, str] = {}
"""What we cannot do yet."""

EXEMPT: dict[str, str] = {}
"""What we do not do, and mean not to."""

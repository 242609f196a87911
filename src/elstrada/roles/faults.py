"""What mistakes in our own code raise.

Whoever does the same for many can so tell a fault that one of them brings to light, and go on with the others.
What the store raises is none of these: it is tried again.
"""

from __future__ import annotations

FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    RecursionError,
)

"""One way from PyAV's rational numbers to ``Fraction``: PyAV 18 says None for "unset", PyAV 19 a falsy 0/1."""

from __future__ import annotations

from fractions import Fraction


def as_fraction(value: object, default: Fraction) -> Fraction:
    """``value`` as a ``Fraction``; ``default`` when it is None, zero or not a number."""
    if not value:
        return default
    if isinstance(value, (Fraction, int)):
        return Fraction(value)
    numerator = getattr(value, "numerator", 0)
    denominator = getattr(value, "denominator", 0)
    if not numerator or not denominator:
        return default
    return Fraction(int(numerator), int(denominator))

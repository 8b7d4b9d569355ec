"""How long to wait before trying again."""

from __future__ import annotations

from collections.abc import Callable

import attrs

__all__ = ["Backoff"]


def _above_0(_backoff: Backoff, field: attrs.Attribute[float], value: float) -> None:
    if not value > 0:
        raise ValueError(f"{field.name} must be above 0")


def _not_below_initial(backoff: Backoff, _field: attrs.Attribute[float], value: float) -> None:
    if not value >= backoff.initial:
        raise ValueError("maximum must not be below initial")


@attrs.frozen
class Backoff:
    """Exponential backoff with jitter, and a ceiling.

    The wait doubles with every try from `initial` to `maximum`, and of each wait
    a random part of up to one half is taken off, so that many clients of one
    daemon do not come back at the same moment.

    Attributes:
        initial: seconds before the first try again, above 0.
        maximum: seconds that no wait exceeds, at least `initial`.

    Raises:
        ValueError: if one of them makes no sense.
    """

    initial: float = attrs.field(default=0.1, validator=_above_0)
    maximum: float = attrs.field(default=30.0, validator=_not_below_initial)

    def delay(self, tries: int, random: Callable[[], float]) -> float:
        """Seconds to wait after `tries` failures in a row (1, 2, …).

        Args:
            tries: how often it has failed.
            random: gives numbers from 0.0 up to 1.0.
        """
        # The exponent is bounded so that the power stays a float however long a host is away.
        full = min(self.maximum, self.initial * 2.0 ** min(tries - 1, 62))
        return full * (1.0 - random() / 2)

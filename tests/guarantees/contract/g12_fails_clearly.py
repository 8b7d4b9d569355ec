"""G12 Fails clearly: what goes wrong is one exception of the library, or one line of the log.

Read from what callers were told, how subscriptions ended, and what was logged.
"""

from __future__ import annotations

import asyncio

import virtinformer as vi
from tests.guarantees.contract.evidence import items
from tests.guarantees.history import Ended, Had, History, Line, Logged, Opened, Violation
from virtinformer._core.messages import EventReceived
from virtinformer._core.vocabulary import event_words

__all__ = ["fails_clearly"]

ENDS = ("closed", "informer closed", "cancelled", "VersionExpired")
"""How a subscription may end."""


def fails_clearly(history: History) -> None:
    """Check G12."""
    for line, opened in history.of(Opened):
        _is_one_of_ours(line, opened.error)
    for line, had in history.of(Had):
        _is_one_of_ours(line, had.error)
    for line, ended in history.of(Ended):
        if ended.why not in ENDS:
            raise Violation("G12", f"a subscription ended by {ended.why}", line)
    for line, logged in history.of(Logged):
        if logged.level in ("ERROR", "CRITICAL") and not _is_about_a_user(logged.text):
            raise Violation("G12", "a fault of the library itself", line)
    _events_keep_their_words(history)


def _is_one_of_ours(line: Line, error: BaseException | None) -> None:
    if error is None or isinstance(error, TimeoutError | asyncio.CancelledError):
        return
    if not isinstance(error, vi.VirtInformerError) or not str(error):
        raise Violation("G12", "an exception that is not the library's own", line)
    if isinstance(error, vi.ReadError) and error.__cause__ is None:
        raise Violation("G12", "nobody is told what the host said", line)


def _is_about_a_user(text: str) -> bool:
    """What a user's handler or function did wrong is told as loudly."""
    return any(word in text for word in ("andler", "ndexer", "redicate", "ransform"))


def _events_keep_their_words(history: History) -> None:
    """What a newer libvirt sends keeps its numbers: no raw event is given other words."""
    words = {
        (event.uuid, *event_words(event.kind, event.type, event.detail))
        for _, event in history.told(EventReceived)
    }
    for line, item in items(history):
        if not words or not isinstance(item, vi.DomainEvent) or item.inferred:
            continue
        if (item.domain_id, item.type, item.reason) not in words:
            raise Violation("G12", "nobody sent an event of these words", line)

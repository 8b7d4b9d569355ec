"""What the sources say to what was seen.

Each note belongs to one informer, one scenario and one promise, and is shown only beside a
violation that was seen in the run of which the page tells. They name where to read.
"""

from __future__ import annotations

from typing import Final

__all__ = ["note_on"]

_RELIST: Final = (
    "After a new list the handler is called for what it lists, in the order of the list. Of each "
    "pod by itself the versions never fell."
)
_INLINE: Final = (
    "All handlers are called one after the other on the one thread of the informer "
    "(`SharedInformer._fire`), as its docstring says."
)
_AIO_QUEUE: Final = (
    "Each handler has a queue of its own, but what fills it waits for the handler to take what "
    "was put before (`_ProcessListener._pop`: `await next_queue.join()`), and the next "
    "notification waits for every queue (`_SharedProcessor._distribute`)."
)
_AIO_WATCH: Final = (
    "The task that reads the watch ends with the exception of the broken connection, and nobody "
    "waits for that task (`Reflector._watch_handler`): no list and no watch was asked for again."
)

_NOTES: Final[dict[tuple[str, str, str], str]] = {
    ("kubernetes", "watch_has_expired", "G1"): (
        f"{_RELIST} A deletion that the list shows has no version of its own: it is told with the "
        "pod as it was last known (`SharedInformer._initial_list`)."
    ),
    ("kubernetes", "slow_handler", "G6"): _INLINE,
    ("kubernetes", "late_subscriber", "G6"): (
        "A handler that is added after `start()` is called for what happens from then on. The "
        "docstring of `add_event_handler` promises no more; the store has the rest."
    ),
    ("kubernetes", "handler_removed_while_it_runs", "G10"): (
        "`remove_event_handler` takes the handler from the list and does not wait for a call that "
        "is under way on the informer's thread. Its docstring promises no more."
    ),
    ("aiok8s", "watch_has_expired", "G1"): _RELIST,
    ("aiok8s", "watch_breaks", "G4"): _AIO_WATCH,
    ("aiok8s", "server_is_restarted", "G4"): _AIO_WATCH,
    ("aiok8s", "stale_list", "G2"): (
        'It always lists with `resourceVersion="0"` (`Reflector.list_and_watch`), to which an API '
        "server may answer with any earlier state, and takes what it gets."
    ),
    ("aiok8s", "stale_list", "G1"): "As of G2.",
    ("aiok8s", "stale_list", "G6"): "As of G2.",
    ("aiok8s", "slow_handler", "G6"): _AIO_QUEUE,
    ("aiok8s", "handler_raises", "G6"): (
        "A handler that has raised is not called for 60 s (`_ProcessListener._run`). "
        f"Meanwhile the others wait: {_AIO_QUEUE[0].lower()}{_AIO_QUEUE[1:]}"
    ),
    ("aiok8s", "handler_raises", "G10"): (
        "`_ProcessListener._run` catches the exception, waits, and goes on; it logs nothing."
    ),
}


def note_on(informer: str, scenario: str, promise: str) -> str | None:
    """What the source says to a violation, if it was read."""
    return _NOTES.get((informer, scenario, promise))

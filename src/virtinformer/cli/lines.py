"""A delta or an event on one line, for people."""

from __future__ import annotations

from typing import Final

import virtinformer as vi

from .output import Output, Style

__all__ = ["STATE_STYLES", "delta_line", "event_line", "event_word", "state_words"]

STATE_STYLES: Final[dict[vi.DomainState, Style]] = {
    vi.DomainState.RUNNING: {"fg": "green"},
    vi.DomainState.BLOCKED: {"fg": "green"},
    vi.DomainState.PAUSED: {"fg": "yellow"},
    vi.DomainState.PMSUSPENDED: {"fg": "yellow"},
    vi.DomainState.SHUTDOWN: {"fg": "yellow"},
    vi.DomainState.CRASHED: {"fg": "red", "bold": True},
    vi.DomainState.SHUTOFF: {"dim": True},
}
"""The colours of states, as `click.style` takes them; also rich knows these words."""

_SIGNS: Final[dict[type, tuple[str, str]]] = {
    vi.Added: ("+", "green"),
    vi.Updated: ("~", "yellow"),
    vi.Deleted: ("-", "red"),
    vi.Synced: ("=", "cyan"),
}


def delta_line(delta: vi.Added | vi.Updated | vi.Deleted | vi.Synced, output: Output) -> str:
    """What became of which domain, and what told of it."""
    sign, colour = _SIGNS[type(delta)]
    head = f"{output.paint(sign, fg=colour, bold=True)} {delta.resource_version:>6}"
    if isinstance(delta, vi.Synced):
        return f"{head} {output.paint('synced', fg=colour)}"
    name = output.paint(output.shown(delta.domain.name), bold=True)
    return f"{head} {name} {_change(delta, output)} {output.paint(_told(delta), dim=True)}"


def event_line(event: vi.DomainEvent, output: Output) -> str:
    """When, what, to whom, and what is true since.

    On a terminal the time is that of the day, as it is where the person sits.
    """
    moment = event.timestamp
    time = moment.astimezone().time() if output.is_terminal else moment
    when = output.paint(time.isoformat(timespec="milliseconds"), dim=True)
    name = output.paint(output.shown(event.domain_name), bold=True)
    word = output.paint(output.shown(f"{event.type} {event.reason}".rstrip()), fg="cyan")
    mark = output.paint(" (inferred)", dim=True) if event.inferred else ""
    state = state_words(event.domain, output)
    return f"{when} {event.resource_version:>6} {name} {word}{mark} -> {state}"


def event_word(event: vi.DomainEvent) -> str:
    """The type of an event; in brackets if it was inferred."""
    return f"[{event.type}]" if event.inferred else event.type


def state_words(domain: vi.Domain, output: Output) -> str:
    """The state of a domain and why, in its colours."""
    text = f"{domain.state} ({domain.reason})"
    return output.paint(text, **STATE_STYLES.get(domain.state, {}))


def _change(delta: vi.Added | vi.Updated | vi.Deleted, output: Output) -> str:
    match delta:
        case vi.Added(domain=domain):
            return state_words(domain, output)
        case vi.Deleted(reason=reason):
            return output.paint(reason.value, fg="red")
        case vi.Updated(old=old, domain=domain):
            now = state_words(domain, output)
            step = now if old.state is domain.state else f"{old.state} -> {now}"
            return f"{step} {','.join(sorted(delta.changed))}".rstrip()


def _told(delta: vi.Added | vi.Updated | vi.Deleted) -> str:
    return " ".join(map(event_word, delta.events)) or f"({delta.source.value})"

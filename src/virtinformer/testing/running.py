"""What can happen to a domain that starts, runs and ends."""

from __future__ import annotations

from uuid import UUID

from .._core.model import Observation
from .._core.vocabulary import (
    CrashedReason,
    DomainState,
    EventKind,
    LifecycleType,
    OpenEnum,
    PausedReason,
    RunningReason,
    ShutoffReason,
    StateReason,
)
from . import domainxml
from .guest import Guest
from .log import HostEvent
from .truth import Truth, life, news

__all__ = ["Running"]

Life = LifecycleType
RUNNING, PAUSED = DomainState.RUNNING, DomainState.PAUSED


class Running(Truth):
    """Operations on the run; each raises `ValueError` where libvirt would refuse."""

    def start(self, uuid: UUID, *, paused: bool = False) -> None:
        """Start a domain that is off; as libvirt does, from its save image if it has one."""
        guest = self._off(uuid, "start")
        if guest.saved is None:
            self._begin("start", guest, paused)
        else:
            self._restore(guest, paused)

    def create_transient(
        self, name: str, *, uuid: UUID | None = None, memory: int = 32768, paused: bool = False
    ) -> UUID:
        """Start a domain that has no configuration, and is gone when it ends.

        Args:
            name: must be free and without a slash.
            uuid: its identity; by default a new one.
            memory: in KiB.
            paused: whether it is started paused.

        Returns:
            The UUID.
        """
        self._check_name(name)
        uuid = self._new_uuid(uuid)
        if uuid in self._guests:
            raise ValueError(f"cannot create {name!r}: the domain {uuid} exists")
        self._begin("create", self._transient(uuid, name, memory), paused)
        return uuid

    def suspend(self, uuid: UUID) -> None:
        """Pause a running domain."""
        guest = self._on(uuid, "suspend", RUNNING).in_state(PAUSED, PausedReason.USER)
        self._commit("suspend", guest, life(guest, Life.SUSPENDED))

    def resume(self, uuid: UUID) -> None:
        """Let a paused domain run on."""
        guest = self._on(uuid, "resume", PAUSED).in_state(RUNNING, RunningReason.UNPAUSED)
        self._commit("resume", guest, life(guest, Life.RESUMED))

    def reset(self, uuid: UUID) -> None:
        """Press the reset button; told as Reboot."""
        guest = self._on(uuid, "reset")
        self._commit("reset", guest, news(guest, EventKind.REBOOT))

    def reboot(self, uuid: UUID) -> None:
        """The guest boots again by itself; told as Reboot."""
        guest = self._on(uuid, "reboot", RUNNING)
        self._commit("reboot", guest, news(guest, EventKind.REBOOT))

    def pmsuspend(self, uuid: UUID) -> None:
        """The guest suspends itself to memory; told as PMSuspend and as PMSuspended."""
        guest = self._on(uuid, "pmsuspend", RUNNING)
        asleep = guest.in_state(DomainState.PMSUSPENDED, StateReason.UNKNOWN)
        told = news(asleep, EventKind.PMSUSPEND, {"reason": 0})
        self._commit("pmsuspend", asleep, told, life(asleep, Life.PMSUSPENDED))

    def wakeup(self, uuid: UUID) -> None:
        """Wake a guest that suspended itself; told as PMWakeup and as Started."""
        guest = self._on(uuid, "wake up", DomainState.PMSUSPENDED)
        awake = guest.in_state(RUNNING, RunningReason.WAKEUP)
        told = news(awake, EventKind.PMWAKEUP, {"reason": 0})
        self._commit("wakeup", awake, told, life(awake, Life.STARTED, 4))

    def shutdown(self, uuid: UUID) -> None:
        """The guest shuts itself down. A transient domain is gone then."""
        guest = self._on(uuid, "shut down", RUNNING)
        told = life(guest, Life.SHUTDOWN, 1)
        self._end("shutdown", guest.stopped(ShutoffReason.SHUTDOWN), 0, told)

    def destroy(self, uuid: UUID) -> None:
        """Pull the plug. A transient domain is gone then."""
        guest = self._on(uuid, "destroy")
        told = life(guest, Life.SHUTDOWN, 2)
        self._end("destroy", guest.stopped(ShutoffReason.DESTROYED), 1, told)

    def crash(self, uuid: UUID, *, preserve: bool = True) -> None:
        """The guest panics.

        Args:
            uuid: the domain.
            preserve: its ``<on_crash>``: whether it stays, in the state CRASHED,
                or is destroyed.
        """
        guest = self._on(uuid, "crash", RUNNING, PAUSED)
        told = life(guest, Life.CRASHED)
        if preserve:
            panicked = guest.in_state(DomainState.CRASHED, CrashedReason.PANICKED)
            self._commit("crash", panicked, told)
        else:
            self._end("crash", guest.stopped(ShutoffReason.CRASHED), 2, told)

    def managed_save(self, uuid: UUID) -> None:
        """Save the memory and stop; the next start goes on from there."""
        self._persistent(uuid, "save")
        guest = self._on(uuid, "save", RUNNING, PAUSED)
        was = guest.content.state
        told = [
            *([life(guest, Life.SUSPENDED)] if was is RUNNING else []),
            news(guest, EventKind.MIGRATION_ITERATION, {"iteration": 1}),
            news(guest, EventKind.MIGRATION_ITERATION, {"iteration": 2}),
            news(guest, EventKind.JOB_COMPLETED, {"params": {"operation": 2}}),
        ]
        self._end("managed save", guest.stopped(ShutoffReason.SAVED, was), 4, *told)

    def restore(self, uuid: UUID) -> None:
        """Start a domain from its save image."""
        guest = self._off(uuid, "restore")
        if guest.saved is None:
            raise ValueError(f"cannot restore {guest.content.name!r}: it was not saved")
        self._restore(guest, paused=False)

    # ------------------------------------------------------------ inside

    def _transient(self, uuid: UUID, name: str, memory: int) -> Guest:
        content = Observation(
            name=name,
            id=-1,
            state=DomainState.SHUTOFF,
            reason=ShutoffReason.UNKNOWN,
            persistent=False,
            autostart=False,
            xml=domainxml.domain_xml(name, uuid, memory),
            config_xml=None,
        )
        return Guest(uuid, content, visible_from=self._visible_from())

    def _begin(self, verb: str, guest: Guest, paused: bool) -> None:
        if paused:
            self._run(
                verb, guest, PAUSED, PausedReason.USER, (Life.STARTED, 0), (Life.SUSPENDED, 0)
            )
        else:
            booted = RunningReason.BOOTED
            self._run(verb, guest, RUNNING, booted, (Life.RESUMED, 0), (Life.STARTED, 0))

    def _restore(self, guest: Guest, paused: bool) -> None:
        began = (Life.STARTED, 2)
        if paused or guest.saved is PAUSED:
            stopped = (Life.SUSPENDED, 0 if paused else 4)
            self._run("restore", guest, PAUSED, PausedReason.USER, began, stopped)
        else:
            restored = RunningReason.RESTORED
            self._run("restore", guest, RUNNING, restored, began, (Life.RESUMED, 2))

    def _run(
        self,
        verb: str,
        guest: Guest,
        state: DomainState,
        reason: OpenEnum,
        *steps: tuple[Life, int],
    ) -> None:
        running = guest.started(next(self._ids), state, reason)
        self._commit(verb, running, *(life(running, type_, detail) for type_, detail in steps))

    def _end(self, verb: str, off: Guest, detail: int, *told: HostEvent) -> None:
        after = self._commit if off.content.persistent else self._remove
        after(verb, off, *told, life(off, Life.STOPPED, detail))

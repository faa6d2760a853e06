"""The admin before the console: there or away, for how long, alone or not, told of trials."""

from typing import TYPE_CHECKING

from textual import work

from screens.shell.following import Following
from tm_tui.errors import TmError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from screens.desk.agent import Connect
    from screens.desk.messages import AgentFound, StatusArrived
    from tm_tui.api.agent import AgentStatus
    from tm_tui.clock import Clock

__all__ = ["Attending", "Unattended"]

_WARN_SECONDS = 60.0


class Unattended:
    """Counts the seconds without a key; `since` is a moment of a clock that suspend does not stop."""

    def __init__(self, since: float) -> None:
        self.since = since

    def left(self, minutes: int, now: float) -> float | None:
        """Seconds until the logout; None when there is none."""
        return minutes * 60.0 - (now - self.since) if minutes else None

    def warns(self, minutes: int, now: float) -> float | None:
        """Seconds until the logout, when that is soon enough to say so; half of a single minute is."""
        left = self.left(minutes, now)
        return left if left is not None and left <= min(_WARN_SECONDS, minutes * 30.0) else None


class Attending(Following, inherit_bindings=False):
    """Logs out without keys, offers what was kept, and keeps the others up to date on what is edited here."""

    def __init__(self, connect: "Connect", clock: "Clock") -> None:
        super().__init__(connect, clock)
        self._idle = Unattended(clock.monotonic())
        self._awake = False
        self._warned = False
        self._leaving = False
        self._offered = False
        self._rollback_told: int | None = None
        self._trial: int | None = None
        """The revision that was on trial in the snapshot before."""
        self._editing: tuple[str, ...] | None = ()
        """Where the agent knows that something is typed; None: it is to be told."""

    def _retitle(self) -> None:
        """Show where we are and which keys work here."""
        raise NotImplementedError

    def keyed(self) -> None:
        """A key came, whatever it was: somebody is there, who may want a form."""
        self._idle.since = self.clock.monotonic()
        if not self._awake:
            self._awake = True
            self._load_forms()
        if self._warned:
            self._warned = False
            self.tell("")

    @work(group="ahead", thread=True)
    def _load_forms(self) -> None:
        """Import beside the living screen what judges a field: a fifth of a second, and 12 MB."""
        import tm_tui.settings.fields  # noqa: F401  loaded ahead

    def attend(self, now: float) -> None:
        """A second passed."""
        minutes = self._idle_minutes
        left = self._idle.warns(minutes, now)
        if left is None or self._leaving:
            return
        if left <= 0:
            self._leaving = True
            self._log_out(minutes)
            return
        self._warned = True
        words = f"Logging out in {max(5, -int(-left // 5) * 5)} s: press any key to stay."
        self.tell(words, wrong=True, everywhere=True)

    @property
    def ends_sending(self) -> bool:
        """Whether beats end with this console: its agent is its own, and sends."""
        if not self.private:
            return False
        status = self.seen.status
        seen_to_send = status is not None and status.status_server.state.value != "disabled"
        return seen_to_send or (self.draft is not None and self.draft.saved_value("tmsp.enabled") is True)

    @property
    def _idle_minutes(self) -> int:
        """What the settings in force say; nobody is logged out before they are known."""
        value = self.draft.saved_value("console.idle_minutes") if self.draft is not None else ""
        return int(value) if isinstance(value, str) and value.isdigit() else 0

    @work(group="idle")
    async def _log_out(self, minutes: int) -> None:
        from screens.flows.idle import keep, last_words

        ends, kept = self.ends_sending, await keep(self) and not self.private
        self.app.exit(0, message=last_words(minutes, self.draft, kept=kept, ended=ends))

    async def on_agent_found(self, event: "AgentFound") -> None:
        """Offer what was kept, once; tell what is edited, anew for an agent that does not know it."""
        if self.draft is not None:
            self._editing = None
        await super().on_agent_found(event)
        if not self._offered and event.session.role == "write":
            self._offered = True
            self._offer_draft()

    @work(exclusive=True, group="kept")
    async def _offer_draft(self) -> None:
        from screens.flows.idle import offer_draft

        try:
            await offer_draft(self)
        except TmError:
            self._offered = False  # the agent went away meanwhile: asked again when it is back

    def on_status_arrived(self, event: "StatusArrived") -> None:
        """Tell of a trial that was taken back by itself."""
        super().on_status_arrived(event)
        if self.is_active:
            self._retitle()
        self._tell_trial_end(event.status)
        rollback = event.status.rollback
        if rollback is not None and rollback.trial != self._rollback_told and not self.read_only:
            self._rollback_told = rollback.trial
            self._tell_rollback()

    def _tell_trial_end(self, status: "AgentStatus") -> None:
        """Say how the trial ended whose countdown stood here; one that ran out is told by a question."""
        before, self._trial = self._trial, status.trial.revision if status.trial else None
        ended = status.trial_ended
        if before is not None and self._trial is None and ended is not None and ended.revision == before:
            from screens.flows.on_trial import how_it_ended

            self.told_revision = status.revision
            self.tell(how_it_ended(ended), everywhere=True)

    @work(exclusive=True, group="rollback")
    async def _tell_rollback(self) -> None:
        from screens.flows.on_trial import tell_rollback

        status = self.seen.status
        if status is not None and status.rollback is not None:
            await self._told(tell_rollback(self, status.rollback))

    def edits_on(self, places: tuple[str, ...]) -> None:
        """Tell the other consoles where something is typed and not saved, when that is news."""
        if places != self._editing and not self.read_only and self._connection is not None:
            self._editing = places
            self._tell_editing(places)

    @work(exclusive=True, group="editing")
    async def _tell_editing(self, places: tuple[str, ...]) -> None:
        try:
            await self.agent.editing(places)
        except TmError:
            self._editing = None  # not followed yet, or gone: told at the next second

    @property
    def may_try(self) -> bool:
        """Whether there is a trial to decide about, for one who may."""
        return not self.read_only and self.seen.status is not None and self.seen.status.trial is not None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """F6 works where F2 does, and anywhere while a trial runs."""
        if action == "on_trial":
            return self.may_try or self.check_action("save", ()) is True
        return super().check_action(action, parameters)

    @work(exclusive=True, group="save")
    async def action_on_trial(self) -> None:
        """F6: decide about the trial that runs, else save with a note, or on trial."""
        status = self.seen.status
        if status is None or status.trial is None:
            from screens.flows.saving import save_noted

            await save_noted(self)
            return
        from screens.flows.on_trial import decide_trial

        left = self.seen.left(status.trial.left_seconds, self.clock.monotonic()) or 0.0
        await self._told(decide_trial(self, status.trial, left))

    async def _told(self, flow: "Coroutine[None, None, None]") -> None:
        try:
            await flow
        except TmError as error:
            self.tell(f"{error.cause} {error.remedy}", wrong=True)

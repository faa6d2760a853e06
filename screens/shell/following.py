"""The state of the console and where it comes from: a screen that follows the agent."""

from collections import deque
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from textual import work
from textual.reactive import var
from textual.screen import Screen
from textual.worker import Worker, WorkerCancelled, WorkerFailed, get_current_worker

from screens.desk.messages import ActivityWanted, AgentFound, AgentLost, ForAgent, PageWanted, StatusArrived
from screens.desk.seen import Seen
from screens.desk.watch import watch
from screens.shell.failed_page import Lasting
from screens.terminal.app import SlowLineApp
from tm_tui.errors import TmError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pydantic import SecretStr

    from screens.desk.agent import Agent, Connect, Connection
    from screens.desk.desk import Question
    from screens.desk.draft import Draft, Value
    from screens.desk.notices import Follow
    from screens.desk.probing import Probing
    from screens.widgets.dialog import Dialog
    from tm_tui.api.agent import ActivityLine, SessionInfo, SettingsDocument
    from tm_tui.clock import Clock
    from tm_tui.errors import Problem

__all__ = ["Following"]

_MOST_LINES = 500
"""Of activity, as many as the agent keeps."""


class Following(Lasting, Screen[None], inherit_bindings=False):
    """The desk of all flows; what it looks like comes from the class that inherits it."""

    seen: var[Seen] = var(Seen)
    draft: "var[Draft | None]" = var(None)
    probing: "var[Probing | None]" = var(None)
    session: "var[SessionInfo | None]" = var(None)
    private: var[bool] = var(False)
    # None of them draws the screen anew: the parts that are told of a change draw themselves.

    def __init__(self, connect: "Connect", clock: "Clock") -> None:
        super().__init__()
        self.clock = clock
        self._connect = connect
        self._connection: Connection | None = None
        self.beside: WeakSet[Worker[Any]] = WeakSet()
        """Flows that go on beside the keys."""
        self.known = False
        """Whether the agent has said who we are and what is saved, or was not found."""
        self.told_revision: int | None = None
        """The revision of which better words were told than that somebody saved it."""
        self._activity: list[Callable[[ActivityLine | None], None]] = []
        self._heard: deque[ActivityLine] = deque(maxlen=_MOST_LINES)
        """What those who want it later have missed."""

    def tell(
        self,
        words: str,
        *,
        wrong: bool = False,
        shorter: "Sequence[str]" = (),
        everywhere: bool = False,
        follow: "Follow | None" = None,
    ) -> None:
        """Show a notice, as Desk says."""
        raise NotImplementedError

    def overtaken(self) -> None:
        """What was told of this page counts no more."""
        raise NotImplementedError

    def go_to_problems(self, problems: "Mapping[str, Problem]") -> None:
        """Open the form that has the first of these fields, and mark them there."""
        raise NotImplementedError

    async def begin(self) -> None:
        """The settings came for the first time."""

    @property
    def agent(self) -> "Agent":
        """The agent, or AgentAbsent."""
        if self._connection is None:
            from tm_tui.api.failures import AgentAbsent

            raise AgentAbsent(self.seen.cause or "No agent answers yet.")
        return self._connection.agent

    @property
    def read_only(self) -> bool:
        """Whether this admin may only look; so it is until the agent says otherwise."""
        return self.session is None or self.session.role == "read"

    @property
    def comes_back(self) -> bool:
        """Whether a save with nothing changed registers this appliance again."""
        from tm_tui.api.registration_words import comes_back

        return self.seen.status is not None and comes_back(self.seen.status.status_server)

    def edit(self, key: str, value: "Value") -> None:
        """Type a value into the draft."""
        if self.draft is not None:
            self.draft = self.draft.with_value(key, value)

    def edit_secret(self, name: str, secret: "SecretStr | None") -> None:
        """Type a password into the draft."""
        if self.draft is not None:
            self.draft = self.draft.with_secret(name, secret)

    async def ask(self, question: "Question") -> str:
        """Show a question and wait for the answer."""
        from screens.widgets.dialog import Dialog

        return await self._answer(Dialog(question))

    async def ask_noted(self, question: "Question") -> tuple[str, str]:
        """Show a question with room for a note; the answer and the note."""
        from screens.widgets.noted_dialog import NotedDialog

        dialog = NotedDialog(question)
        return await self._answer(dialog), dialog.note

    async def _answer(self, dialog: "Dialog") -> str:
        self.beside.discard(get_current_worker())
        return await self.app.push_screen_wait(dialog)

    def goes_on(self) -> None:
        """From here on, up to the next question, this flow goes on beside the keys."""
        self.beside.add(get_current_worker())

    def on_mount(self) -> None:
        """Start following once the first picture is on its way: what that imports takes its time."""
        self.call_after_refresh(self._shown)

    def _shown(self) -> None:
        self._settled()
        self._watch_agent()

    def _settled(self) -> None:
        if isinstance(self.app, SlowLineApp):
            self.app.settled()

    @work(group="agent")
    async def _watch_agent(self) -> None:
        await watch(self._connect, self._opened, self.post_message, self.clock)

    def _opened(self, connection: "Connection") -> None:
        self._connection, self.private = connection, connection.private
        self.seen = self.seen._replace(ours=connection.identity, private=connection.private)

    async def on_agent_found(self, event: AgentFound) -> None:
        """Take over what is saved, and keep what was typed."""
        self.session = event.session
        first = self.draft is None
        self._adopt(event.document)
        self._follow_activity()
        if first:
            await self.begin()
        self.known = True

    def on_status_arrived(self, event: StatusArrived) -> None:
        """Show the snapshot; fetch the settings when it is of another revision than the form."""
        first = self.seen.status is None
        self.seen = self.seen.with_status(event.status, event.arrived)
        if first:
            self.call_after_refresh(self._settled)
        if self.draft is not None and event.status.revision != self.draft.base.revision:
            self._fetch_settings()

    def on_agent_lost(self, event: AgentLost) -> None:
        """Say so; everything else stays as it is."""
        self._connection, self.known, self.private = None, True, False
        self.seen = self.seen.lost(event.headline, event.cause, event.remedy, event.at)

    @work(exclusive=True, group="settings")
    async def _fetch_settings(self) -> None:
        try:
            self._adopt(await self.agent.settings())
        except TmError:
            return  # the status stream says that the agent is gone, and settings come with its return

    def _adopt(self, document: "SettingsDocument") -> None:
        from screens.desk.elsewhere import adopted

        self.draft, words = adopted(self.draft, document)
        if words and document.revision != self.told_revision:
            self.tell(words, everywhere=True)

    def on_activity_wanted(self, event: ActivityWanted) -> None:
        """Follow what the agent does from now on."""
        self._activity.append(event.reply)
        if len(self._activity) == 1:
            self._follow_activity()
            return
        event.reply(None)
        for line in self._heard:
            event.reply(line)

    @work(exclusive=True, group="activity")
    async def _follow_activity(self) -> None:
        if not self._activity or self._connection is None:
            return  # nobody wants to know, or it begins when the agent is found
        self._tell_activity(None)
        try:
            async with aclosing(self.agent.activity_stream()) as lines:
                async for line in lines:
                    self._tell_activity(line)
        except TmError:
            return  # the status stream says that the agent is gone; this one begins anew with its return

    def _tell_activity(self, line: "ActivityLine | None") -> None:
        if line is None:
            self._heard.clear()
        else:
            self._heard.append(line)
        for reply in self._activity:
            reply(line)

    async def on_page_wanted(self, event: PageWanted) -> None:
        """Open the page that another one leads to."""
        await self.run_action(f"open({event.name!r})")

    @work(exclusive=True, group="send")
    async def action_send(self) -> None:
        """F5: deliver the logs now."""
        from screens.flows.sending import send_logs

        await send_logs(self)

    @work(exclusive=True, group="save")
    async def action_save(self) -> None:
        """F2. A test that runs is waited for, and counts."""
        from screens.flows.saving import save

        self.overtaken()
        self.goes_on()
        for worker in tuple(self.workers):
            if worker.group == "test" and not worker.is_finished:
                with suppress(WorkerCancelled, WorkerFailed):
                    await worker.wait()
        self.beside.discard(get_current_worker())
        await save(self)

    def action_test(self) -> None:
        """F3: start the test, or cancel the one that runs."""
        if self.probing is not None and self.probing.running:
            self.cancel_test()
        else:
            self.overtaken()
            self._test()

    @work(exclusive=True, group="test")
    async def _test(self) -> None:
        from screens.flows.testing import run_test

        await run_test(self)

    def cancel_test(self) -> None:
        """Break the test off that runs, and the save that it was for."""
        self.workers.cancel_group(self, "test")
        if self.workers.cancel_group(self, "save"):
            self.tell("Not saved: you cancelled the test.", wrong=True)
        if self.probing is not None:
            self.probing = self.probing.cancelled(self.clock.monotonic())

    def on_for_agent(self, event: ForAgent) -> None:
        """Run a page's flow."""
        if event.changes and self.read_only:
            self.tell("You may only look here.")
        else:
            self._run(event)

    def _run(self, event: ForAgent) -> None:
        """In a worker. It is given a function, as a newer one may end it before it has begun."""

        async def run() -> None:
            await self._flow(event)

        self.run_worker(run, group=event.group, exclusive=True)  # type: ignore[arg-type]  # as Textual has it

    async def _flow(self, event: ForAgent) -> None:
        try:
            await event.flow(self)
        except TmError as error:
            self.tell(f"{error.cause} {error.remedy}", wrong=True)

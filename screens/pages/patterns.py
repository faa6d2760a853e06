"""Pattern Deployment and Custom Cleanup: custom patterns, the endpoints that need one, what became of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widget import Widget

from screens.desk.messages import ForAgent
from screens.desk.seen import Seen
from screens.pages import pattern_questions as questions
from screens.pages import pattern_words as words
from screens.widgets.block import Block
from screens.widgets.button import Button
from screens.widgets.page import Page, beside
from screens.widgets.pick_list import PickList
from screens.widgets.rows import doubt_rows
from tm_tui.api.patterns import DeploymentInfo, PatternInfo, PatternsDocument, PatternsStatus
from tm_tui.api.registration_words import off
from tm_tui.api.requests import DeployRequest, SaveRequest

if TYPE_CHECKING:
    from screens.desk.desk import Desk

__all__ = ["PatternsPage"]


class _Command(Button):
    """A button of the page's own."""

    def __init__(self, label: str, run: Callable[[], None]) -> None:
        super().__init__(label, "")
        self._run = run

    async def action_press(self) -> None:
        """Run it."""
        self._run()


_FEW = 3
"""Damaged ones that are named; `tm-tui pattern list` names all."""


class PatternsPage(Page):
    """It follows the snapshot: the lists are asked for again when that says something new."""

    DEFAULT_CSS = beside(__file__)
    HELP = "patterns"
    HINT = "Space Mark  Enter Open"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "step(1)", show=False, priority=True),
        Binding("shift+tab", "step(-1)", show=False, priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._about = Block(classes="about")
        self._patterns = PickList(nothing="There is no pattern here.", **words.PATTERNS)
        self._endpoints_title = Block()
        self._endpoints = PickList(
            marks=True, nothing="No endpoint is named as unresolved.", **words.ENDPOINTS
        )
        self._results_title = Block()
        self._results = PickList(marks=True, nothing="Results of the endpoints come here.", **words.RESULTS)
        self._switch = _Command("Automatic: off", self._ask_switch)
        self._buttons = Horizontal(
            _Command("Deploy", self._ask_deploy),
            _Command("Clean up", self._ask_cleanup),
            _Command("Look now", self._ask_check),
            self._switch,
        )
        self._document: PatternsDocument | None = None
        self._status = PatternsStatus()
        self._off = ""
        self._above: list[Content] = []
        self._known: object = None

    def compose(self) -> ComposeResult:
        """How it stands, patterns, endpoints, results, commands."""
        yield self._about
        yield self._patterns
        yield self._endpoints_title
        yield self._endpoints
        yield self._results_title
        yield self._results
        yield self._buttons

    def first(self) -> Widget | None:
        """The patterns."""
        return self._patterns

    def told_role(self, *, read_only: bool) -> None:
        """Readers get no buttons."""
        self._buttons.display = not read_only

    def enter(self) -> None:
        """Ask for the newest each time."""
        super().enter()
        if self._known is not None:  # else the first snapshot asks
            self.post_message(ForAgent(self._fetch, "patterns"))

    def told_status(self, seen: Seen, now: float) -> None:
        """Show how it stands; ask for the lists when they may be others than those shown."""
        if seen.status is None:
            self._about.show(Content(seen.cause))
            return
        self._above = list(doubt_rows(seen, now))
        self._status, self._off = seen.status.patterns, off(seen.status.status_server)
        self._tell_about()
        known = words.known(seen.status)
        if known != self._known and not seen.stale:
            self._known = known
            self.post_message(ForAgent(self._fetch, "patterns"))

    def _tell_about(self) -> None:
        damaged = self._document.unreadable if self._document else ()
        lines = [*self._above, *words.about(self._status, self._document, self._off)]
        lines += [Content(f"! {one.words}") for one in damaged[:_FEW]]
        self._about.show(Content("\n").join(lines))

    async def _fetch(self, desk: "Desk") -> None:
        self._tell(await desk.agent.patterns())

    def _tell(self, document: PatternsDocument) -> None:
        self._document = document
        self._tell_about()
        self._patterns.tell([words.pattern_row(one) for one in document.patterns])
        self._endpoints.tell([words.endpoint_row(one) for one in document.unresolved])
        count = document.unresolved_total
        title = f"Unresolved endpoints: {count}" + (" (Tab here, Space marks, a all)" if count else "")
        self._endpoints_title.show(Content.styled(title, "bold"))
        newest = document.deployments[0] if document.deployments else None
        self._results_title.show(Content.styled(words.deployment(newest), "bold"))
        self._results.tell(
            [words.result_row(n, one) for n, one in enumerate(newest.results)] if newest else []
        )
        automatic = document.deploy == "automatic"
        self._switch.relabel("Automatic: on" if automatic else "Automatic: off")

    # --- commands

    def action_step(self, by: int) -> None:
        """Move the focus within the page, round and round."""
        chain = [widget for widget in self.screen.focus_chain if self in widget.ancestors]
        focused = self.screen.focused
        if chain and focused in chain:
            self.screen.set_focus(chain[(chain.index(focused) + by) % len(chain)])

    def on_pick_list_chosen(self, event: PickList.Chosen) -> None:
        """Enter shows all of a row; once endpoints are marked it deploys, or cleans up, after a question."""
        event.stop()
        looks = {self._patterns: self._look_at_pattern, self._endpoints: self._look_at_endpoint}
        if event.pick_list is self._results and self._results.marked:
            self._ask_cleanup()
        elif event.pick_list is not self._results and self._endpoints.marked:
            self._ask_deploy()
        else:
            self.post_message(ForAgent(looks.get(event.pick_list, self._look_at_result), "look"))

    def _ask_deploy(self) -> None:
        self.post_message(ForAgent(self._deploy, "deploy", changes=True))

    def _ask_cleanup(self) -> None:
        self.post_message(ForAgent(self._clean_up, "cleanup", changes=True))

    def _ask_check(self) -> None:
        self.post_message(ForAgent(self._check, "patterns", changes=True))

    def _ask_switch(self) -> None:
        self.post_message(ForAgent(self._change_mode, "deploy", changes=True))

    async def _deploy(self, desk: "Desk", only: str = "") -> None:
        """Ask, and begin: at the endpoints that are marked, or at this one only."""
        pattern, total = self._chosen(), self._document.unresolved_total if self._document else 0
        if pattern is None:
            desk.tell("There is no pattern to deploy.", wrong=True)
            return
        if pattern.state == "refused":
            await self._look_at_pattern(desk)
            return
        marked = (only,) if only else self._endpoints.marked
        names = tuple(dict.fromkeys(key.partition("\t")[0] for key in marked))
        if not names:
            desk.tell(questions.unmarked(total), wrong=True)
            return
        if not only and len(marked) == len(self._document.unresolved if self._document else ()):
            names = ()  # all, also those that a list of a thousand does not show
        if await desk.ask(questions.deploy_question(pattern, names, len(names) or total)) != "deploy":
            return
        request = DeployRequest(pattern=pattern.id, endpoints=names, unresolved=not names)
        begun = await desk.agent.deploy_pattern(request)
        self._endpoints.unmark()
        await self._follow(desk, begun)

    async def _look_at_pattern(self, desk: "Desk") -> None:
        """Show a pattern whole, and what to do next."""
        total = self._document.unresolved_total if self._document else 0
        if (pattern := self._chosen()) is not None:
            hint = "" if desk.read_only else questions.unmarked(total)
            await desk.ask(questions.pattern_question(pattern, hint))

    async def _look_at_endpoint(self, desk: "Desk") -> None:
        """Show an endpoint whole, and offer the pattern above for it to those who may."""
        found = self._document.unresolved if self._document else ()
        one = next((one for one in found if words.endpoint_row(one).key == self._endpoints.chosen), None)
        pattern = self._chosen()
        may = pattern is not None and pattern.state != "refused" and not desk.read_only
        if one is None:
            return
        if await desk.ask(questions.endpoint_question(one, pattern if may else None)) == "deploy":
            await self._deploy(desk, one.hostname)

    async def _look_at_result(self, desk: "Desk") -> None:
        """Show a result whole, and offer custom cleanup there to those who may."""
        newest = self._document.deployments[0] if self._document and self._document.deployments else None
        chosen = self._results.chosen
        if newest is None or chosen is None:
            return
        question = questions.result_question(newest.results[int(chosen)], may=not desk.read_only)
        if await desk.ask(question) == "clean":
            await self._clean_up(desk)

    async def _clean_up(self, desk: "Desk") -> None:
        """Ask, and run custom cleanup again at the results that are marked, or at the one with the marker."""
        newest = self._document.deployments[0] if self._document and self._document.deployments else None
        here = self._results.chosen if self._results.has_focus else None
        keys = self._results.marked or ((here,) if here is not None else ())
        if newest is None or not keys:
            desk.tell("Mark the endpoints among the results with Space, then clean up.", wrong=True)
            return
        names = tuple(dict.fromkeys(newest.results[int(key)].hostname for key in keys))
        if await desk.ask(questions.cleanup_question(newest.pattern, names)) != "clean":
            return
        request = DeployRequest(action="cleanup", pattern=newest.pattern, endpoints=names)
        begun = await desk.agent.deploy_pattern(request)
        self._results.unmark()
        await self._follow(desk, begun)

    async def _follow(self, desk: "Desk", begun: DeploymentInfo) -> None:
        """Say how a deployment goes on, in one line that stays true."""
        await self._fetch(desk)

        def going() -> str:
            known = self._document.deployments if self._document else ()
            return words.going(next((one for one in known if one.number == begun.number), begun))

        desk.tell(going(), follow=going)

    def _chosen(self) -> PatternInfo | None:
        found = self._document.patterns if self._document else ()
        return next((one for one in found if str(one.id) == self._patterns.chosen), None)

    async def _check(self, desk: "Desk") -> None:
        """Look at the portal now; the snapshot says how that went."""
        self._tell(await desk.agent.check_patterns())
        desk.tell(words.looked(self._status), follow=lambda: words.looked(self._status))

    async def _change_mode(self, desk: "Desk") -> None:
        """Ask, and save the setting."""
        document = await desk.agent.settings()
        automatic = document.settings.get("patterns", {}).get("deploy") == "automatic"
        if await desk.ask(questions.mode_question(automatic=automatic)) != "change":
            return
        deploy = "manual" if automatic else "automatic"
        settings = {**document.settings, "patterns": {"deploy": deploy}}
        await desk.agent.save(SaveRequest(settings=settings), document.revision)
        desk.tell(f"Saved: patterns are deployed {'by an admin' if automatic else 'automatically'}.")
        await self._fetch(desk)

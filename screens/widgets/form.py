"""A page of fields: built from the settings' own declarations, checked by their own model."""

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import DescendantFocus, Resize
from textual.widget import Widget

from screens.desk.draft import SECRETS, Draft
from screens.desk.elsewhere import edited_by
from screens.desk.field_words import field_help
from screens.desk.forms import FORMS, Slot
from screens.desk.keys import key_for
from screens.widgets.block import Block
from screens.widgets.button import Button
from screens.widgets.choice_field import ChoiceField, SelectField, SwitchField
from screens.widgets.field import Field
from screens.widgets.help_words import help_lines, help_text
from screens.widgets.page import Page, beside
from screens.widgets.rest import Rest
from screens.widgets.text_field import NumberField, PasswordField, TextField
from tm_tui.errors import Problem
from tm_tui.settings.fields import spec_of

if TYPE_CHECKING:
    from screens.desk.seen import Seen

__all__ = ["FormPage"]

_FOOT = 3
"""Rows for help and buttons that the fields leave."""
_HELP = 3
"""Rows for the help of a field, where the page's own stands below it."""
_LARGE, _GUIDE = 30, 9
"""Rows of the page, and of those that are free, from which on its own help is shown too."""
_APART = 4
"""Rows for the help from which on one of them is left empty above it."""

_KINDS: Mapping[str, type[Field]] = {
    "switch": SwitchField,
    "choice": ChoiceField,
    "interval": SelectField,
    "number": NumberField,
    "secret": PasswordField,
}


class FormPage(Page):
    """Fields in rows, one line for help or error at a fixed place, buttons below."""

    DEFAULT_CSS = beside(__file__)
    FORM: ClassVar[str] = ""
    """Its rows, as screens/desk/forms.py names them."""
    ACTIONS = frozenset({"save", "test"})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,tab", "step(1)", show=False, priority=True),
        Binding("up,shift+tab", "step(-1)", show=False, priority=True),
        Binding("enter", "step(1)", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._fields = {slot.key: _field(slot) for row in FORMS[self.FORM] for slot in row}
        for field in self._fields.values():
            field.on_edit = self._edited
        self._others = Block(classes="others")
        self._others.display = False
        self._help = _Help(classes="help")
        self._guide = Block(classes="guide")
        self._guide.display = False
        self._state = Block(classes="state")
        self._buttons = Horizontal(*_buttons(self.ACTIONS), self._state, classes="buttons")
        self._draft: Draft | None = None
        self._read_only = self._working = False
        self._rest = Rest(self)
        self._problems: dict[str, Problem] = {}

    def compose(self) -> ComposeResult:
        """Rows of one or more fields, help, buttons."""
        with _Rows():
            for row in FORMS[self.FORM]:
                fields = [self._fields[slot.key] for slot in row]
                yield fields[0] if len(fields) == 1 else Horizontal(*fields, classes="row")
            yield from self.extra()
        yield self._others
        yield self._help
        yield self._guide
        yield self._buttons

    def extra(self) -> Iterable[Widget]:
        """What else a page has between fields and help."""
        return ()

    def keys(self) -> tuple[str, ...]:
        """The settings that are edited here."""
        return tuple(self._fields)

    def field(self, key: str) -> Field:
        """The field of a key; KeyError when it is not on this page."""
        return self._fields[key]

    def told_role(self, *, read_only: bool) -> None:
        """Readers get no buttons, and fields that only show."""
        self._read_only = read_only
        self._buttons.display = self._working and not read_only
        for field in self._fields.values():
            field.read_only = read_only

    def told_status(self, seen: "Seen", now: float) -> None:
        """Say who else edits this form."""
        words = edited_by(seen, self.name_in_menu, now)
        self._others.show(Content.styled(f"! {words}" if words else "", "bold"))
        if self._others.display != bool(words):
            self._others.display = bool(words)
            self.query_one(_Rows).fit()

    @property
    def foot(self) -> int:
        """Rows that the fields leave."""
        return _FOOT + (1 if self._others.display else 0)

    def told_work(self, *, working: bool) -> None:
        """Buttons and help belong to the work; seen from the menu it tells what it is for."""
        if working != self._working:
            self._working = working
            self._buttons.display = working and not self._read_only
            self._explain()
            self.show_guide()

    def show_guide(self) -> None:
        """What F1 tells stands below the fields where a large terminal has room for most of it."""
        room = self.size.height - self.query_one(_Rows).virtual_size.height - self.foot - _HELP
        self._guide.display = self._working and self.size.height >= _LARGE and room >= _GUIDE
        if not self._guide.display:
            return
        self._guide.styles.height = room
        lines = help_lines(help_text(self.HELP), max(20, self.size.width - 2))[2:]  # its title stands above
        more = [*lines[: room - 1], Content.styled("F1 shows the rest.", "bold")]
        self._guide.show(Content("\n").join(lines if len(lines) <= room else more))

    def told_draft(self, draft: Draft) -> None:
        """Show the draft's values, and mark what differs from the saved."""
        self._draft = draft
        self._problems = draft.problems()
        changed = set(draft.changed())
        for key, field in self._fields.items():
            _put(field, draft)
            field.changed = key in changed
            if not field.touched and key in changed and not field.has_focus:
                field.touched = True
            if isinstance(field, PasswordField) and field.again:
                field.touched = True  # whatever was typed elsewhere asks for it: that shows at once
            field.problem = self._problems.get(key) if field.touched else None
        self._state.show(Content(_state(draft)))
        self._explain()

    def mark(self, problems: Mapping[str, Problem]) -> None:
        """Show problems that the agent found, and go to the first."""
        for key, problem in problems.items():
            if key in self._fields:
                self._fields[key].touched = True
                self._fields[key].problem = problem
        first = next((field for field in self._fields.values() if field.problem), None)
        if first is not None:
            self.screen.set_focus(first)
        self._explain()

    def go_to_problem(self) -> bool:
        """Check every field, and go to the first that is wrong."""
        self.mark(self._problems)
        return any(field.problem for field in self._fields.values())

    def on_resize(self, _: Resize) -> None:
        """Share the rows between fields, help and buttons."""
        self.query_one(_Rows).fit()

    def _explain(self) -> None:
        field = self.screen.focused if self.is_mounted else None
        if not self._working:
            self._help.show(Content(self.about))
        elif not isinstance(field, Field) or field.spec.key not in self._fields:
            self._help.show(Content(""))
        elif field.problem:
            words = f"{field.problem.cause} {field.problem.remedy}"
            self._help.show(Content.assemble(("! ", "bold ansi_red"), (words, "ansi_red")))
        else:
            words = field.spec.help if self._draft is None else field_help(self._draft, field.spec)
            self._help.show(Content(words))

    def _edited(self, field: Field) -> None:
        if isinstance(field, PasswordField):
            self.edit_secret(SECRETS[field.spec.key], field.secret)
        else:
            self.edit(field.spec.key, field.value)

    def on_descendant_focus(self, _: DescendantFocus) -> None:
        """Show the help of the field once the cursor rests there: who walks on has no use for it."""
        self._rest.begin(self._explain)

    def on_field_left(self, event: Field.Left) -> None:
        """Check the field that was left."""
        event.stop()
        event.field.problem = self._problems.get(event.field.spec.key)

    def action_step(self, by: int) -> None:
        """Move the focus within the page and to what stands below it, round and round."""
        chain = self.places()
        focused = self.screen.focused
        if focused not in chain:
            return
        place = chain.index(focused) + by
        if 0 <= place < len(chain) or not self.beyond(by):
            self.screen.set_focus(chain[place % len(chain)])

    def first(self) -> Widget | None:
        """The first field that must still be filled in, or is wrong; where all are right, the first."""
        wanting = (field for key, field in self._fields.items() if key in self._problems)
        return next(wanting, None) or super().first()

    def go_to(self, key: str) -> None:
        """Put the focus on the field of a key."""
        self.screen.set_focus(self._fields[key])


class _Rows(Vertical):
    """Fields and what belongs to them. They scroll where they leave no room for help and buttons."""

    DEFAULT_CSS = "_Rows { height: auto; overflow-y: auto; scrollbar-size: 0 0; }"

    def on_resize(self, _: Resize) -> None:
        """There are more of them, or less room."""
        self.fit()

    def fit(self) -> None:
        """Take as many rows as are needed and there, with the one that has the focus in sight."""
        page = next(one for one in self.ancestors if isinstance(one, FormPage))
        room = page.size.height - page.foot
        limit = max(1, room) if self.virtual_size.height > room else None
        now = self.styles.max_height
        if (None if now is None else now.value) != limit:
            self.styles.max_height = limit
        self.call_after_refresh(self._keep_in_sight)
        page.show_guide()

    def _keep_in_sight(self) -> None:
        focused = self.screen.focused
        if focused is not None and self in focused.ancestors:
            self.scroll_to_widget(focused, animate=False, force=True)


class _Help(Block):
    """Set apart from the fields where there is room; a style would need a second layout, and frame."""

    def render(self) -> Content:
        """The words, below an empty row if there are rows enough."""
        return Content("\n").join(["", self.shown]) if self.size.height >= _APART else self.shown


def _buttons(actions: Collection[str]) -> list[Button]:
    used = [key_for(action) for action in ("test", "save") if action in actions]
    return [*(Button(f"{key.label} {key.name}", key.action) for key in used), Button("Discard Esc", "back")]


def _field(slot: Slot) -> Field:
    spec = spec_of(slot.key)
    return _KINDS.get(spec.kind, TextField)(spec, slot)


def _put(field: Field, draft: Draft) -> None:
    key = field.spec.key
    if isinstance(field, PasswordField):
        name = SECRETS[key]
        field.put_secret(
            draft.secrets.get(name),
            saved=name in draft.base.secrets_set,
            kept=name in draft.kept,
            again=bool(draft.asked_again(name)),
        )
    elif field.value != draft.value(key):
        field.put(draft.value(key))


def _state(draft: Draft) -> str:
    """What Save would find, in words."""
    if not draft.changed():
        return "saved"
    if not draft.concerns_servers:
        return "not saved"
    return {"passed": "tested", "failed": "test failed", "stale": "test is old", "untested": "not tested"}[
        draft.test
    ]

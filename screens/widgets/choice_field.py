"""Fields that are chosen: a switch, a few values side by side, a longer list one at a time."""

from textual.content import Content
from textual.events import Key

from screens.desk.draft import Value
from screens.desk.forms import Slot
from screens.desk.keys import READ_ONLY
from screens.widgets.field import LABEL_WIDTH, Field
from screens.widgets.pasting import NotTaken
from tm_tui.settings.fields import FieldSpec

__all__ = ["ChoiceField", "SelectField", "SwitchField"]


class SwitchField(Field):
    """`[x] label`: Space toggles."""

    def __init__(self, spec: FieldSpec, slot: Slot) -> None:
        super().__init__(spec, slot)
        self._on = False

    @property
    def value(self) -> Value:
        """Whether it is on."""
        return self._on

    def put(self, value: Value) -> None:
        """Show this."""
        self._on = value is True
        self.refresh()

    def render(self) -> Content:
        """Marker, box, label."""
        box = Content("[x]" if self._on else "[ ]")
        if self.has_focus and self.draws_cursor:
            box = box.stylize("reverse", 1, 2)
        return Content.assemble(self.marker(), box, self.sign(), self.label)

    def cursor_cell(self) -> int:
        """On the x, which stands before the label here."""
        return -LABEL_WIDTH

    def on_key(self, event: Key) -> None:
        """Switch over with Space."""
        if event.key != "space":
            return
        event.stop()
        if self.read_only:
            self.post_message(NotTaken(READ_ONLY))
        else:
            self._on = not self._on
            self.edited()


class _OneOf(Field):
    """The shared part: a value among choices, moved by arrows."""

    def __init__(self, spec: FieldSpec, slot: Slot) -> None:
        super().__init__(spec, slot)
        self._value = str(spec.default)

    @property
    def value(self) -> Value:
        """The chosen value."""
        return self._value

    def put(self, value: Value) -> None:
        """Show this value, in the list or not."""
        self._value = str(value)
        self.refresh()

    def options(self) -> tuple[tuple[str, str], ...]:
        """The choices, with the present value before them if it is none of them (a lab's `30s`)."""
        if any(self._value == value for value, _ in self.spec.choices):
            return self.spec.choices
        return ((self._value, self._value), *self.spec.choices)

    def on_key(self, event: Key) -> None:
        """Choose a neighbour, round and round."""
        by = {"left": -1, "right": 1, "space": 1}.get(event.key)
        if by is None:
            return
        event.stop()
        if self.read_only:
            self.post_message(NotTaken(READ_ONLY))
        else:
            values = [value for value, _ in self.options()]
            self._value = values[(values.index(self._value) + by) % len(values)]
            self.edited()


class ChoiceField(_OneOf):
    """`(*) a   ( ) b`: all choices in sight."""

    def control(self, *, focused: bool) -> Content:
        """All choices in a row."""
        parts = [f"({'*' if value == self._value else ' '}) {label}" for value, label in self.options()]
        content = Content((" " * self._gap()).join(parts))
        at = self.cursor_cell()
        return content.stylize("reverse", at, at + 1) if focused and self.draws_cursor else content

    def cursor_cell(self) -> int:
        """On the star."""
        at = 1
        for value, label in self.options():
            if value == self._value:
                break
            at += len(label) + 4 + self._gap()
        return at

    def _gap(self) -> int:
        return 3 if len(self.options()) < 4 else 2


class SelectField(_OneOf):
    """`< value >`: one choice in sight, the arrows change it."""

    def control(self, *, focused: bool) -> Content:
        """The chosen label between the arrows."""
        label = dict(self.options())[self._value]
        content = Content(f"< {label:<{self.slot.cells}} >")
        return content.stylize("reverse", 2, 3) if focused and self.draws_cursor else content

    def cursor_cell(self) -> int:
        """On the label."""
        return 2

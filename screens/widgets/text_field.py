"""Fields that are typed into: text, numbers and passwords, one row each, without a drawn box."""

import unicodedata

from pydantic import SecretStr
from rich.cells import cell_len, set_cell_size
from textual.content import Content
from textual.events import Focus, Key, Paste

from screens.desk.draft import Value
from screens.desk.forms import Slot
from screens.desk.keys import READ_ONLY
from screens.widgets.field import Field
from screens.widgets.line import Line
from screens.widgets.pasting import NotTaken, taken
from tm_tui.settings.fields import FieldSpec
from tm_tui.text import safe_text

__all__ = ["NumberField", "PasswordField", "TextField"]

_LONGEST = 4096
_KEYS = {
    "left": "left",
    "right": "right",
    "home": "home",
    "ctrl+a": "home",
    "end": "end",
    "ctrl+e": "end",
    "backspace": "backspace",
    "delete": "delete",
    "ctrl+d": "delete",
    "ctrl+u": "cut_left",
    "ctrl+k": "cut_right",
}


class TextField(Field):
    """A line to type. Nothing can be copied or cut out of it: terminals do that by themselves."""

    def __init__(self, spec: FieldSpec, slot: Slot) -> None:
        super().__init__(spec, slot)
        self.line = Line()

    @property
    def value(self) -> Value:
        """The text as typed."""
        return self.line.text

    def put(self, value: Value) -> None:
        """Show another text; the cursor goes to its end."""
        if value != self.line.text:
            self.line = Line.ended(str(value))
            self.refresh()

    def cursor_cell(self) -> int:
        """Where the cursor stands in the part in sight."""
        return self._shown_line().window(self.cells)[1]

    def control(self, *, focused: bool) -> Content:
        """The text on a line of underscores, with the unit behind."""
        line = self._shown_line() if focused else Line(self._shown_line().text, 0)
        text, cursor = line.window(self.cells)
        field = text + "_" * (self.cells - cell_len(text))
        content = Content(field + (f" {self.slot.unit}" if self.slot.unit else ""))
        if focused and self.draws_cursor:
            at = len(set_cell_size(field, cursor)) if cursor else 0
            content = content.stylize("reverse", at, at + 1)
        return content

    def _shown_line(self) -> Line:
        return Line(safe_text(self.line.text, _LONGEST), self.line.at)

    def check_consume_key(self, key: str, character: str | None) -> bool:  # noqa: ARG002  Textual's shape
        """Printable characters are text here, whatever they mean elsewhere."""
        return _is_text(character)

    def on_key(self, event: Key) -> None:
        """Type a character, or edit."""
        if what := _KEYS.get(event.key):
            event.stop()
            self.do(what)
        elif _is_text(event.character):
            event.stop()
            self.type_in(event.character or "")

    def on_paste(self, event: Paste) -> None:
        """Take a paste as one line; further lines would land in fields they were not meant for."""
        event.stop()
        self.type_in(event.text)

    def type_in(self, text: str) -> None:
        """Put text in at the cursor."""
        if self.read_only:
            self.post_message(NotTaken(READ_ONLY))
        elif line := taken(self, text, _LONGEST - len(self.line.text), exactly=True):
            self._become(self.line.insert(line))

    def do(self, what: str) -> None:
        """Move or delete."""
        line = self.line
        moved = {
            "left": lambda: line.move(-1),
            "right": lambda: line.move(1),
            "home": line.home,
            "end": line.end,
            "backspace": line.delete_left,
            "delete": line.delete_right,
            "cut_left": line.cut_left,
            "cut_right": line.cut_right,
        }[what]()
        if self.read_only and moved.text != line.text:
            self.post_message(NotTaken(READ_ONLY))
        else:
            self._become(moved)

    def _become(self, line: Line) -> None:
        before, self.line = self.line, line
        if line.text != before.text:
            self.edited()
        elif line != before:
            self.refresh()


def _is_text(character: str | None) -> bool:
    """Whether a key types something. Invisible signs too: the field's rule names them, nothing vanishes."""
    return character is not None and unicodedata.category(character) != "Cc"


class PasswordField(TextField):
    """A password: stars for what is typed, never the saved one, which Delete in the empty field removes."""

    saved = False
    """Whether a password is saved already."""
    removed = False
    kept = False
    """Whether one was typed before a logout: the agent has it."""
    again = False
    """Whether that was typed for somebody else, and is to be typed again."""

    @property
    def secret(self) -> SecretStr | None:
        """What was typed: None leaves the saved one as it is, an empty one removes it."""
        if self.line.text:
            return SecretStr(self.line.text)
        return SecretStr("") if self.removed else None

    def put_secret(
        self, secret: SecretStr | None, *, saved: bool, kept: bool = False, again: bool = False
    ) -> None:
        """Show what the draft holds."""
        text = secret.get_secret_value() if secret else ""
        shown = (self.line.text, self.removed, self.saved, self.kept, self.again)
        if (text, secret is not None and not text, saved, kept, again) == shown:
            return
        self.kept, self.again = kept, again
        self.saved, self.removed = saved, secret is not None and not text
        self.line = self.line if text == self.line.text else Line.ended(text)
        self.refresh()

    def do(self, what: str) -> None:
        """Edit as text does; in the empty field, delete and backspace mark and unmark the removal."""
        if self.line.text or self.read_only or not self.saved or what in {"left", "right", "home", "end"}:
            super().do(what)
            return
        self.removed = what in {"delete", "cut_left"}
        self.edited()

    def _become(self, line: Line) -> None:
        if line.text:
            self.removed = False
        super()._become(line)

    def _shown_line(self) -> Line:
        return Line("*" * len(self.line.text), self.line.at)

    def control(self, *, focused: bool) -> Content:
        """Stars, or words about the saved password."""
        if self.line.text:
            return super().control(focused=focused)
        words = "(will be removed)" if self.removed else "******** (unchanged)" if self.saved else ""
        words = "******** (typed, kept)" if self.kept else words
        words = "(to be typed again)" if self.again else words
        content = Content(words + "_" * (self.cells - len(words)))
        return content.stylize("reverse", 0, 1) if focused and self.draws_cursor else content


class NumberField(TextField):
    """Who arrives and types a digit means another number: it takes the place of the one that stands there."""

    _arrived = False
    """Whether nothing was typed or moved since the focus came."""

    @property
    def cells(self) -> int:
        """Its largest number, and the cursor behind it: a number is never cut."""
        return self.spec.digits + 1

    def on_focus(self, _: Focus) -> None:
        """The next digit replaces what is here."""
        self._arrived = True

    def type_in(self, text: str) -> None:
        """Put digits in, and say what is left out."""
        digits = text.strip()
        if self.read_only or not digits:
            super().type_in(text)
        elif not (digits.isascii() and digits.isdigit()):
            self.post_message(NotTaken("Not taken: only digits belong here."))
        else:
            line = (Line() if self._arrived else self.line).insert(digits)
            if len(line.text) > self.spec.digits:
                self.post_message(NotTaken(f"Not taken: room for {self.spec.digits} digits only."))
                return
            self._arrived = False
            self._become(line)

    def do(self, what: str) -> None:
        """Move or delete: from now on this number is changed, not replaced."""
        self._arrived = False
        super().do(what)

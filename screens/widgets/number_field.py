"""A field for a number: digits alone, never longer than can be right, and typed over rather than added to."""

from textual.events import Focus

from screens.widgets.line import Line
from screens.widgets.pasting import NotTaken
from screens.widgets.text_field import TextField

__all__ = ["NumberField"]


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

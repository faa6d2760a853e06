"""A form in plain lines: fields by number, from the settings' own declarations, checked by their model."""

from typing import TYPE_CHECKING

from pydantic import SecretStr

from screens.desk.draft import SECRETS, Draft
from screens.desk.field_words import field_help, value_words
from screens.flows.leaving import discard_asked
from screens.flows.saving import save
from screens.flows.testing import run_test
from tm_tui.settings.fields import FieldSpec, spec_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from screens.plain.desk import PlainDesk

__all__ = ["Form"]

_WIDTH = 28
_PROMPT = "Number of a field; Enter all, t test, s save, d discard, q back"
_SWITCH = (("yes", True), ("no", False))


class Form:
    """The fields of one menu entry on a desk whose draft is there."""

    def __init__(self, desk: "PlainDesk", title: str, keys: "Sequence[str]") -> None:
        self._desk = desk
        self._title = title
        self._specs = tuple(spec_of(key) for key in keys)

    async def run(self) -> None:
        """Show the fields and take choices until the admin goes back; what was typed stays in the draft."""
        desk = self._desk
        self.show()
        while not desk.read_only:
            typed = (await desk.lines.ask(_PROMPT)).strip().lower()
            if typed == "q":
                return
            if not typed:
                self.show()
            elif typed.isascii() and typed.isdigit() and 1 <= int(typed) <= len(self._specs):
                before = self._draft
                await self._change(self._specs[int(typed) - 1])
                self._show_field(int(typed), self._specs[int(typed) - 1])
                self._tell_asked_again(before)
            elif typed == "t":
                await run_test(desk)
            elif typed == "s":
                await save(desk)
            elif typed == "d":
                await self._discard()
            else:
                desk.lines.say(f"There is no choice {typed[:20]!r}.")

    def show(self) -> None:
        """Print each field with its value; what is wrong or changed says so."""
        self._desk.lines.say("", self._title)
        for number, spec in enumerate(self._specs, 1):
            self._show_field(number, spec)

    def _show_field(self, number: int, spec: FieldSpec) -> None:
        draft = self._draft
        problem = draft.problems().get(spec.key)
        sign = "  WRONG" if problem else "  changed" if spec.key in draft.changed() else ""
        self._desk.lines.say(f" {number:>2}  {spec.label:<{_WIDTH}} {value_words(draft, spec.key)}{sign}")
        if problem is not None and _typed(draft, spec):
            self._desk.tell(f"{problem.cause} {problem.remedy}", wrong=True)

    def _tell_asked_again(self, before: Draft) -> None:
        """Say it at once, on whichever form the password is, when it is to be typed again by now."""
        for key, name in SECRETS.items():
            again = self._draft.asked_again(name)
            if again and again != before.asked_again(name):
                self._desk.go_to_problems({key: again[0]})

    @property
    def _draft(self) -> Draft:
        draft = self._desk.draft
        assert draft is not None  # noqa: S101  a form is opened when the settings are there
        return draft

    async def _change(self, spec: FieldSpec) -> None:
        self._desk.lines.say("", f"{spec.label}. {field_help(self._draft, spec)}")
        if spec.kind == "secret":
            await self._change_secret(SECRETS[spec.key])
        elif spec.kind == "switch":
            await self._pick(spec, _SWITCH)
        elif spec.choices:
            await self._pick(spec, [(label, value) for value, label in spec.choices])
        else:
            await self._type(spec)

    async def _pick(self, spec: FieldSpec, choices: "Sequence[tuple[str, str | bool]]") -> None:
        kept = value_words(self._draft, spec.key)
        chosen = await self._desk.lines.choose("Choose", [label for label, _ in choices], kept=kept)
        if chosen is not None:
            self._desk.draft = self._draft.with_value(spec.key, choices[chosen][1])

    async def _type(self, spec: FieldSpec) -> None:
        before = value_words(self._draft, spec.key)
        typed = (await self._desk.lines.ask(f"New value (Enter: as it is, {before}; - empties it)")).strip()
        if typed:
            self._desk.draft = self._draft.with_value(spec.key, "" if typed == "-" else typed)

    async def _change_secret(self, name: str) -> None:
        lines, draft = self._desk.lines, self._draft
        if draft.has_secret(name):
            chosen = await lines.choose("Choose", ["type a new one", "remove it"], kept="as it is")
            if chosen is None:
                return
            if chosen == 1:
                self._desk.draft = draft.with_secret(name, SecretStr(""))
                return
        typed = await lines.ask_hidden("Password (not shown; Enter: as it is)")
        if typed:
            self._desk.draft = draft.with_secret(name, SecretStr(typed))

    async def _discard(self) -> None:
        draft = self._draft
        changed = [spec.key for spec in self._specs if spec.key in set(draft.changed())]
        if not changed:
            self._desk.tell("Nothing was changed here.")
        elif await discard_asked(self._desk, changed):
            self._desk.draft = self._draft.without(changed)


def _typed(draft: Draft, spec: FieldSpec) -> bool:
    return spec.key in draft.changed() or (spec.kind != "secret" and bool(draft.value(spec.key)))

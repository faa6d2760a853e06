"""A form in plain lines: fields by number, from the settings' own declarations, checked by their model."""

from typing import TYPE_CHECKING

from pydantic import SecretStr

from screens.desk.draft import SECRETS, Draft
from screens.desk.field_words import field_help, value_words
from screens.desk.forms import Slot, slots_of
from screens.flows.leaving import discard_asked
from screens.flows.saving import save
from screens.flows.testing import run_test
from tm_tui.settings.fields import FieldSpec, spec_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from screens.plain.desk import PlainDesk

__all__ = ["Form"]

_WIDTH = 28
_PROMPT = "Number (m fields, a ask all, t test, s save, d discard, ? help, q back)"
_HELP = (
    "A number changes that field; an empty answer keeps what is there.",
    "m shows all fields again, a asks for all of them one after the other.",
    "t tests what stands here with both servers, s saves it, d gives up what was typed.",
    "q goes back to the menu: what was typed stays, and is not saved yet.",
)
_SWITCH = (("yes", True), ("no", False))


class Form:
    """The fields of one menu entry on a desk whose draft is there."""

    def __init__(self, desk: "PlainDesk", title: str, form: str) -> None:
        self._desk = desk
        self._title = title
        self._slots = slots_of(form)

    async def run(self) -> None:
        """Show the fields and take choices until the admin goes back; what was typed stays in the draft."""
        desk = self._desk
        self.show()
        while not desk.read_only:
            typed = (await desk.lines.ask(_PROMPT)).strip().lower()
            if typed in {"q", "0"}:
                return
            if typed.isascii() and typed.isdigit() and 1 <= int(typed) <= len(self._slots):
                await self._ask(int(typed))
            elif typed in {"t", "s", "d"}:
                await {"t": run_test, "s": save, "d": self._discard}[typed](desk)
            elif typed == "a":
                for number in range(1, len(self._slots) + 1):
                    await self._ask(number)
            elif typed in {"", "m"}:
                self.show()
            else:
                refused = (f"There is no choice {typed[:20]!r}: ? says what there is.",)
                desk.lines.say(*(_HELP if typed == "?" else refused))

    async def _ask(self, number: int) -> None:
        """Ask for the field of this number, and show what stands there now."""
        before, slot = self._draft, self._slots[number - 1]
        await self._change(slot)
        self._show_field(number, slot)
        self._tell_asked_again(before)

    def show(self) -> None:
        """Print each field with its value; what is wrong or changed says so."""
        self._desk.lines.say("", self._title)
        for number, slot in enumerate(self._slots, 1):
            self._show_field(number, slot)

    def _show_field(self, number: int, slot: Slot) -> None:
        draft, spec = self._draft, spec_of(slot.key)
        problem = draft.problems().get(spec.key)
        sign = "  WRONG" if problem else "  changed" if spec.key in draft.changed() else ""
        unit = "" if slot.leans else slot.unit
        words = " ".join(one for one in (value_words(draft, spec.key), unit) if one)
        self._desk.lines.say(f" {number:>2}  {_label(slot):<{_WIDTH}} {words}{sign}")
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

    async def _change(self, slot: Slot) -> None:
        spec = spec_of(slot.key)
        self._desk.lines.say("", f"{_label(slot)}. {field_help(self._draft, spec)}")
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

    async def _discard(self, desk: "PlainDesk") -> None:
        draft = self._draft
        changed = [slot.key for slot in self._slots if slot.key in set(draft.changed())]
        if not changed:
            desk.tell("Nothing was changed here.")
        elif await discard_asked(desk, changed):
            desk.draft = self._draft.without(changed)


def _label(slot: Slot) -> str:
    """As on the screen, unless that says something in its row alone."""
    own = spec_of(slot.key).label
    return own if slot.leans else slot.label or own


def _typed(draft: Draft, spec: FieldSpec) -> bool:
    return spec.key in draft.changed() or (spec.kind != "secret" and bool(draft.value(spec.key)))

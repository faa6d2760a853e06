"""What stands around menu and page: header, ruled lines, test pane, status panel, keys."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from screens.desk.ages import elapsed
from screens.desk.notices import NOTHING
from screens.shell.footer import Footer
from screens.shell.header import Header
from screens.shell.panel import StatusPanel
from screens.shell.test_pane import TestPane
from screens.widgets.bar import Bar
from tm_tui.spoken import count

if TYPE_CHECKING:
    from screens.desk.draft import Draft
    from screens.desk.keys import Key
    from screens.desk.notices import Notice
    from screens.desk.probing import Probing
    from screens.desk.seen import Seen
    from screens.shell.menu_tree import MenuTree
    from tm_tui.api.agent import SessionInfo

__all__ = ["Frame"]

_STEPS = 16
"""Eight stages for each of two servers; each ends, if only as skipped."""
_SMALL, _PANE, _MOST = 24, 5, 20
_NOTICE = 32
"""Cells of a notice that a countdown beside it leaves: `Revision 18 on trial: 2 settings.`"""
_BOTH = 80
"""Columns from which on menu and page have room beside each other."""


class Frame:
    """The parts, and how they are told."""

    def __init__(self, tty: str) -> None:
        self._tty = tty
        self._who = self._appliance = ""
        self._revision = self._trial = ""
        self._on = 0
        """How many consoles are on, this one too."""
        self._notice = NOTHING
        self._edge = True
        """Whether the menu's edge is in sight."""
        self.header = Header()
        self.top = Bar(joint="┬", indent=21)
        self.test_bar = Bar(joint="┴")
        self.test_pane = TestPane()
        self.bottom = Bar(joint="┴")
        self.panel = StatusPanel()
        self.footer = Footer()

    def resize(self, height: int) -> None:
        """Give the test pane its share of a larger terminal, and less of a smaller one."""
        more = (height - _SMALL) * 3 // 4 if height > _SMALL else (height - _SMALL) // 3
        self.test_pane.most = max(1, min(_MOST, _PANE + more))

    def share(self, menu: "MenuTree", width: int, *, working: bool) -> None:
        """Let the menu make way for the page that is worked on, where both would be cut."""
        shown = width >= _BOTH or not working
        if shown == self._edge:
            return
        menu.display = self._edge = shown
        self.top.join("┬" if self._edge else "")
        self._join()

    def _join(self) -> None:
        joint = "┴" if self._edge else ""
        self.test_bar.join(joint)
        self.bottom.join("" if self.test_bar.display else joint)

    def who(self, session: "SessionInfo | None", *, private: bool) -> None:
        """Say who the agent takes us for, and whether the agent is ours alone."""
        if session is None:
            return
        role = ", may only look" if session.role == "read" else ""
        place = f" on {self._tty}" if self._tty else ""
        agent = "  private agent" if private else ""
        self._who = f"{session.user}{place}{role}{agent}"
        self._draw_header()

    def tell_status(self, seen: "Seen", now: float) -> None:
        """Show the snapshot, as old as it is."""
        self.panel.tell(seen, now)
        if seen.status is None:
            return
        self._appliance = seen.status.appliance
        self._on = len(seen.status.sessions)
        self._draw_header()
        notice = min(len(self._notice.words), _NOTICE)
        words = _countdown(seen, now, self.bottom.room_beside(notice))
        if words != self._trial:
            self._trial = words
            self._draw_bottom()

    def _draw_header(self) -> None:
        others = f"  {self._on} on" if self._on > 1 and self._who else ""
        self.header.tell(self._appliance, f"{self._who}{others}")

    def tell_place(self, path: str, changed: int, draft: "Draft | None") -> None:
        """Show where we are, and what is unsaved here."""
        self.top.label(path, f"{changed} changed" if changed else "")
        self._revision = f"revision {draft.base.revision}" if draft else ""
        self._draw_bottom()

    def tell_notice(self, notice: "Notice") -> None:
        """Show what just happened."""
        self._notice = notice
        self._draw_bottom()

    def _draw_bottom(self) -> None:
        words, wrong = self._notice.words, self._notice.wrong
        self.bottom.label(
            f"! {words}" if wrong else words,
            self._trial or self._revision,
            "bold ansi_red" if wrong else "bold",
        )

    def tell_keys(self, keys: Sequence["Key"], hint: str) -> None:
        """Show the keys that work here."""
        self.footer.tell(keys, hint)

    def tell_probing(
        self, probing: "Probing | None", draft: "Draft | None", now: float, *, shown: bool
    ) -> None:
        """Show the test while a form is in sight."""
        visible = shown and probing is not None and not probing.closed
        stale = probing is not None and draft is not None and draft.fingerprint() != probing.of
        self.test_bar.display = visible
        self.test_pane.display = visible and probing is not None and (probing.running or not stale)
        self._join()
        if probing is None or not visible:
            return
        self.test_bar.label(
            _headline(probing, stale=stale), f"{elapsed(probing.seconds(now))}  {probing.done} / {_STEPS}"
        )
        self.test_pane.tell(probing)


def _countdown(seen: "Seen", now: float, room: int) -> str:
    trial = seen.status.trial if seen.status else None
    if trial is None:
        return ""
    from screens.flows.on_trial import time_left

    return time_left(trial, seen.left(trial.left_seconds, now), room)


def _headline(probing: "Probing", *, stale: bool) -> str:
    if probing.running:
        return "Testing the values above (F3 or Esc cancels)"
    failed = f"Test FAILED at {count(len(probing.failed), 'step')}"
    verdict = "Test passed" if probing.passed else "Test broken off" if probing.broken else failed
    if stale:
        return f"{verdict}, but the tested values changed: test again"
    if probing.failed:
        return f"{failed} (PgDn, Enter: to its field; Esc closes)"
    return f"{verdict} with the values above"

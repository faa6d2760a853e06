"""Lists: heads, how many there are, the width that they have, and every cut row whole by Enter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from face.conftest import console_of
from face.scripted import NOON, ScriptedAgent, fill, status
from screens.widgets.columns import in_columns, widths
from tm_tui.api.agent import ActivityLine
from tm_tui.api.patterns import DeployerInfo, EndpointInfo, PatternsDocument
from tm_tui.text import safe_text

LONG = "till-0007.branch-office-of-bielefeld.shops.example.com"
CELLS = st.text(max_size=40).map(safe_text)


@given(
    st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=8),
    st.tuples(st.integers(1, 12), st.integers(1, 12)),
    st.integers(1, 200),
)
def test_columns_stand_below_each_other(
    rows: list[tuple[str, str, str]], least: tuple[int, int], width: int
) -> None:
    """Whatever is in the cells, the last column begins at one place, and none is below its least or need."""
    sizes = widths(rows, least, width)
    for at, (size, short) in enumerate(zip(sizes, least, strict=True)):
        assert size >= min(short, max(cell_len(row[at]) for row in rows))
    begins = sum(sizes) + 2 * len(sizes)
    if any(size > short for size, short in zip(sizes, least, strict=True)):
        last = max(cell_len(row[2]) for row in rows)
        assert begins + min(24, last) <= width
    for row in rows:
        whole = in_columns((*row[:2], "|"), sizes)
        assert cell_len(whole.rpartition("|")[0]) == begins


@pytest.mark.parametrize(("size", "whole"), [((80, 24), False), ((120, 40), True), ((200, 60), True)])
async def test_a_host_name_is_whole_where_there_is_room(
    agent: ScriptedAgent, size: tuple[int, int], whole: bool
) -> None:
    """At 120 columns no host name is cut; at 80 the cut shows. Heads name the columns, and say how many."""
    endpoint = {"status": "unsuccessful", "threat": "WORM.X", "severity": "high", "since": NOON}
    names = [LONG, *(f"pc-{number}" for number in range(60))]
    agent.held_patterns = PatternsDocument(
        state="current",
        deploy="manual",
        deployer=DeployerInfo(ready=True),
        unresolved=tuple(EndpointInfo(hostname=name, **endpoint) for name in names),
        unresolved_total=len(names),
    )
    async with console_of(agent.connect, size=size) as console:
        await console.open("Pattern Deploy")
        await console.sees("till-0007")
        shown = console.screen_text()
        assert (LONG in shown) == whole
        assert whole or "…" in shown
        (heads,) = [row for row in console.rows() if "Endpoint " in row and "Status" in row]
        assert heads.rstrip().endswith("of 61")


@pytest.mark.parametrize("size", [(80, 24), (60, 18), (120, 40)])
async def test_a_cut_line_of_the_activity_opens_whole(agent: ScriptedAgent, size: tuple[int, int]) -> None:
    """Enter reads the lines in the full width, the newest in sight; Esc goes back."""
    fill(agent)
    words = "Logs were not delivered. " + " ".join(f"word-{number}" for number in range(30))
    agent.activity.put_nowait(ActivityLine(at=NOON, level="warning", text=words))
    async with console_of(agent.connect, size=size) as console:
        await console.open("Activity")
        await console.sees("Logs were not delivered.")
        assert "word-29" not in console.screen_text()
        await console.press("enter")
        await console.sees("word-29")
        await console.press("escape")
        await console.until(lambda: "word-29" not in console.screen_text())
        assert console.app.screen is console.app.main


async def test_a_case_opens_whole(agent: ScriptedAgent) -> None:
    """Enter on a case shows all that is known of it; one file is one file."""
    fill(agent)
    async with console_of(agent.connect) as console:
        await console.open("Submit a Case")
        await console.sees("  3 -")
        await console.press("up", "enter")  # from the first field round to the last case
        dialog = await console.dialog("1 file, 10 bytes")
        assert "Submitted" in dialog.words
        assert "by admin" in dialog.words
        await console.press("enter")
        await console.until(lambda: console.app.screen is console.app.main)


async def test_a_damaged_row_and_an_empty_list_say_so(agent: ScriptedAgent) -> None:
    """No heads above nothing."""
    agent.statuses.put_nowait(status())
    async with console_of(agent.connect) as console:
        await console.open("Change History")
        await console.sees("Nothing was saved yet.")
        assert "Rev." not in console.screen_text()

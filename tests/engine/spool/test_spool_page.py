"""The page of invariants at the head of the spool: whoever changes a point of it finds it there."""

import re
from pathlib import Path

from spooling.campaign import POINTS
from tm_tui import spool

FOLDER = Path(spool.__file__).parent
_POINT = re.compile(r'trace\("(\w+)"\)')


def test_the_page_says_what_a_kill_leaves_at_each_point() -> None:
    """Somebody who adds a step between an event and its delivery has to say what a power loss there costs."""
    points = {point for path in FOLDER.glob("*.py") for point in _POINT.findall(path.read_text("utf-8"))}
    page = (spool.__doc__ or "").partition("A kill at each point")[2].partition("A full disk")[0]
    told = {name for line in page.splitlines() for name in line[:24].replace(",", " ").split()}
    assert points - told == set()
    of_the_spool = set(POINTS) - {"send", "sent", "reply"}  # those of delivery
    assert of_the_spool <= points


def test_the_page_names_what_lies_on_the_disk() -> None:
    """A file that is not on the page has no place among the promises."""
    page = (spool.__doc__ or "").partition("On the disk")[2].partition("What always holds")[0]
    named = set(re.findall(r"^    ([a-z]+)/? ", page, re.MULTILINE))
    assert named == {"lock", "queue", "batches", "marks", "newest", "ballast", "damaged"}
    source = "".join(path.read_text("utf-8") for path in FOLDER.glob("*.py") if path.name != "__init__.py")
    assert all(f'"{name}"' in source for name in named)

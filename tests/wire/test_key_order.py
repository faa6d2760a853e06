"""Keys act in the order in which they were typed, at every pace and after every stop.

Many more sequences: python -m benchmarks.key_order.
"""

import pytest

from tests.wire.key_order import KEYS, PACES, Typing, compare, play, slowly, typing_of

_TO_USER_NAME = [KEYS["Down"], KEYS["Enter"], *[KEYS["Tab"]] * 4, KEYS["^U"]]


@pytest.mark.parametrize("pace", PACES)
def test_a_password_goes_into_its_field(pace: str) -> None:
    """User name, Enter, password, Enter, typed as fast as may be: no password lands in the name."""
    keys = (*_TO_USER_NAME, *"alice", KEYS["Enter"], *"S3cret!", KEYS["Enter"])
    with play(Typing(keys, "xterm", (80, 24), 0.01), pace) as console:
        console.until(lambda: "E-mail         >" in console.text())
        facts = console.play().facts
    assert (facts["typed"], facts["secrets"]) == ({"tmsp.username": "alice"}, {"tmsp": "S3cret!"})


def test_keys_wait_for_a_page_that_opens() -> None:
    """What is typed ahead of a page, a list and a question that are still to come acts there."""
    history = [KEYS["^P"], *"change", KEYS["Enter"], KEYS["Down"], KEYS["Enter"], KEYS["Tab"], KEYS["Enter"]]
    keys = (*history, *"as before", KEYS["Tab"], KEYS["Tab"], KEYS["Enter"])
    typing = Typing(tuple(history), "vt100", (80, 24), 0.04)
    assert "Go back to revision 16?" in slowly(typing).shown
    compare(Typing(keys, "vt100", (80, 24), 0.04), ("at once", "after a stop"))


@pytest.mark.parametrize("seed", [7, 8, 9, 10])
def test_random_keys_do_the_same_at_every_pace(seed: int) -> None:
    """Forms, lists, palette, questions: the same cells and values as if each key had been waited for."""
    compare(typing_of(seed), (PACES[seed % len(PACES)], PACES[seed * 3 % len(PACES)]))

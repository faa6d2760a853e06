"""What a new password of an operator must be: long, and none of those that are tried first.

After NIST SP 800-63B: a least length, no rules of which signs, and a refusal of what is common, repeated, in
a row, or made of the names of the product and of the operator.
"""

import re
import unicodedata
from collections.abc import Iterable

from tm_tui.errors import TmError

__all__ = ["FEWEST", "check"]

FEWEST = 12
"""Characters."""
_FEWEST_PIECES = 8
"""So many a guesser has to find, where a known word, a row or a repetition is one."""
_SHORTEST_WORD = 3
_LONGEST_READ = 256
_PRODUCT = (
    "threat management services portal mitigator tmsp tmtui tui appliance operator analyst registering user"
)
_COMMON = (
    "password passwort kennwort passphrase pass word secret geheim admin administrator root login logon"
    " welcome willkommen hello hallo changeme change default temporary letmein iloveyou love dragon monkey"
    " football baseball master shadow sunshine princess superman batman trustno test demo guest system server"
    " security company office internet computer spring summer autumn winter monday january december"
    " correct horse battery staple"
)
_ROWS = (
    *("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl"),
    *("zxcvbnm", "yxcvbnm", "1qaz2wsx3edc4rfv5tgb6yhn7ujm", "1q2w3e4r5t6y7u8i9o0p"),
)
_IN_A_ROW = (*_ROWS, *(row[::-1] for row in _ROWS))
_INSTEAD = str.maketrans("01345789@$!|", "oleastbgasii")
"""Signs that stand for letters: `p4ssw0rd`."""
_YEAR = re.compile(r"(?:19|20)\d\d")


def check(name: str, password: str) -> None:
    """Raise TmError for a password that the operator of this name should not have."""
    if len(password) < FEWEST:
        cause = f"An operator's password has {FEWEST} characters or more."
        raise TmError(cause, "Take a longer one: a few words in a row are easy to remember.")
    if _pieces(_plain(password)[:_LONGEST_READ], _words(name)) < _FEWEST_PIECES:
        cause = "This password is one of those that are tried first: known words, names, rows or repetitions."
        raise TmError(cause, "Take a few words that nobody connects with you or with this portal.")


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _words(name: str) -> tuple[str, ...]:
    """Those that count as one piece, the longest first; of the operator's name the whole and its parts."""
    known = {*_PRODUCT.split(), *_COMMON.split()}
    plain = _plain(name)
    known |= {one for one in (plain, *re.split(r"[\W_]+", plain)) if len(one) >= _SHORTEST_WORD}
    return tuple(sorted(known, key=len, reverse=True))


def _pieces(text: str, words: Iterable[str]) -> int:
    """How many pieces a text has, each taken as long as it can be. What only repeats itself counts once."""
    text = text[: (text + text).find(text, 1)]
    letters, at, found = text.translate(_INSTEAD), 0, 0
    while at < len(text):
        at += max(1, _word(letters, words, at), _word(text, words, at), _row(text, at), _same(text, at))
        found += 1
    return found


def _word(text: str, words: Iterable[str], at: int) -> int:
    year = _YEAR.match(text, at)
    return max((len(one) for one in words if text.startswith(one, at)), default=4 if year else 0)


def _row(text: str, at: int) -> int:
    """How long it goes on as on a keyboard, in the alphabet or in counting; less than three is chance."""
    longest = 0
    while any(text[at : at + longest + 1] in row for row in _IN_A_ROW) and at + longest < len(text):
        longest += 1
    return longest if longest >= _SHORTEST_WORD else 0


def _same(text: str, at: int) -> int:
    return len(text) - at - len(text[at:].lstrip(text[at]))

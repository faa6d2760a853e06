"""Keys and pastes as Textual's events."""

from __future__ import annotations

from textual import events
from textual.keys import KEY_NAME_REPLACEMENTS

from screens.terminal.input import Key, Paste, Unread
from screens.terminal.seam import key_name


def event_for(token: Key | Paste | Unread) -> events.Key | events.Paste:
    """The event that Textual's own driver would have made of a key or a paste.

    What is unread comes as the key of its sign, which a field takes and refuses in words.
    """
    if isinstance(token, Paste):
        return events.Paste(token.text)
    if isinstance(token, Unread):
        return event_for(Key("", token.character))
    name, character = token
    if character is None or name:
        return events.Key(name, character)
    plain = character if character.isalnum() else key_name(character)
    return events.Key(KEY_NAME_REPLACEMENTS.get(plain, plain), character)

"""Keys and pastes as Textual's events."""

from __future__ import annotations

from textual import events
from textual.keys import KEY_NAME_REPLACEMENTS, _character_to_key

from screens.terminal.input import Key, Paste


def event_for(token: Key | Paste) -> events.Key | events.Paste:
    """The event that Textual's own driver would have made of a key or a paste."""
    if isinstance(token, Paste):
        return events.Paste(token.text)
    name, character = token
    if character is None or name:
        return events.Key(name, character)
    plain = character if character.isalnum() else _character_to_key(character)
    return events.Key(KEY_NAME_REPLACEMENTS.get(plain, plain), character)

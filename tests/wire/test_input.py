"""Keys as terminals send them, and everything else that comes over a line and must not become text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual import events
from textual._xterm_parser import XTermParser

from screens.terminal.driver import event_for
from screens.terminal.input import Key, Paste, Reader, Reply, Unread

NAMED = [
    ("\x1b[A", "up"),
    ("\x1bOB", "down"),
    ("\x1b[1;5C", "ctrl+right"),
    ("\x1bO5D", "ctrl+left"),
    ("\x1b[1;2A", "shift+up"),
    ("\x1b[1;6A", "ctrl+shift+up"),
    ("\x1b[H", "home"),
    ("\x1b[1~", "home"),
    ("\x1b[4~", "end"),
    ("\x1b[5~", "pageup"),
    ("\x1b[3~", "delete"),
    ("\x1b[Z", "shift+tab"),
    ("\x1bOP", "f1"),
    ("\x1b[[A", "f1"),
    ("\x1b[11~", "f1"),
    ("\x1b[[E", "f5"),
    ("\x1b[15~", "f5"),
    ("\x1b[16~", "f5"),
    ("\x1b[21~", "f10"),
    ("\x1b[24~", "f12"),
    ("\x1b[25~", "f13"),
    ("\x1b[28~", "f15"),
    ("\x1b[29~", "f16"),
    ("\x1b[34~", "f20"),
    ("\x1b[1;2R", "shift+f3"),
    ("\x1bOM", "enter"),
    ("\r", "enter"),
    ("\t", "tab"),
    ("\x7f", "backspace"),
    ("\x08", "backspace"),
    ("\x0c", "ctrl+l"),
    ("\x03", "ctrl+c"),
    ("\x1a", "ctrl+z"),
    ("\x1c", "ctrl+backslash"),
    ("\x1b[1;3A", "alt+up"),
]
SILENT = [
    "\x11",
    "\x13",
    "\x00",
    "\x1b[?62;1;2c",
    "\x1b[>0;276;0c",
    "\x1b[12;40R",
    "\x1b[8;24;80t",
    "\x1b[?2026;2$y",
    "\x1b]11;rgb:0000/0000/0000\x07",
    "\x1b]11;rgb:0000/0000/0000\x1b\\",
    "\x1bP1$r0m\x1b\\",
    "\x1b_Gi=1;OK\x1b\\",
    "\x1b[<0;10;10M",
    "\x1b[M !!",
    "\x1b[201~",
    "\x1b[99~",
    "\x1b[1;2;3;4m",
]


def names(tokens):
    return [event_for(token).key for token in tokens if isinstance(token, Key)]


@pytest.mark.parametrize(("codes", "name"), NAMED)
def test_each_code_is_its_key(codes, name):
    """The keys of vt100, vt220, linux, xterm, rxvt and screen have Textual's names."""
    reader = Reader()
    assert names(reader.feed(codes.encode())) == [name]
    assert reader.waiting is None


@pytest.mark.parametrize("codes", SILENT)
def test_what_is_no_key_types_nothing(codes):
    """Replies, flow control and mouse reports neither type nor press anything, and the next key counts."""
    reader = Reader()
    tokens = reader.feed(codes.encode() + b"x")
    assert [token for token in tokens if not isinstance(token, Reply)] == [Key("", "x")]


@pytest.mark.parametrize("codes", [each for each, _ in NAMED if len(each) > 1] + SILENT)
def test_a_sequence_may_come_in_pieces(codes):
    """However the line splits a sequence, it is read as a whole."""
    whole, pieces = Reader(), Reader()
    together = whole.feed(codes.encode())
    apart = [token for byte in codes.encode() for token in pieces.feed(bytes([byte]))]
    assert apart == together


def test_escape_alone_is_the_key_after_the_wait():
    """Esc closes a dialogue, though a sequence might have begun."""
    reader = Reader()
    assert reader.feed(b"\x1b") == []
    assert reader.waiting == "escape"
    assert names(reader.time_out()) == ["escape"]
    assert reader.waiting is None


def test_half_a_sequence_is_dropped():
    """A sequence that never ends leaves no letters behind."""
    reader = Reader()
    reader.feed(b"\x1b[1;")
    assert reader.time_out() == []
    assert names(reader.feed(b"q")) == ["q"]


@pytest.mark.parametrize("noise", [b"\xff", b"\xc3", b"\x80\x81", b"\xe2\x82", b"\xf0\x9f", b"\xed\xa0\x80"])
def test_noise_and_half_characters_are_told(noise):
    """A byte that is no UTF-8 ends nothing and swallows no key; a field gets a sign that it refuses."""
    tokens = Reader().feed(noise + b"a" + "é".encode())
    assert names(tokens) == ["a", "é"]
    unread = [event_for(token) for token in tokens if isinstance(token, Unread)]
    assert unread
    assert {(event.character, event.is_printable) for event in unread} == {
        ("\N{REPLACEMENT CHARACTER}", True)
    }


def test_beyond_ascii_is_told_on_an_ascii_line():
    """Where the line carries no UTF-8, each character that it cannot carry is one that is missing."""
    tokens = Reader(None).feed("pä€ßword1".encode())
    assert tokens == [Key("", "p"), *[Unread()] * 3, *(Key("", sign) for sign in "word1")]
    assert Reader(None).feed("aé".encode("latin-1") + b"b") == [Key("", "a"), Unread(), Key("", "b")]


@pytest.mark.parametrize("sign", "\u00a0\u200b\u200d\ufeff\u2028\u00ad")
def test_what_nobody_sees_comes_as_what_it_is(sign):
    """A no-break or zero-width space does not vanish on the way: a field can name it."""
    assert Reader().feed(f"a{sign}b".encode()) == [Key("", "a"), Key("", sign), Key("", "b")]
    assert Reader().feed(f"\x1b[200~a{sign}b\x1b[201~".encode()) == [Paste(f"a{sign}b")]


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=30),
    st.sampled_from(["utf-8", None]),
)
@settings(deadline=None)
def test_as_much_comes_out_as_went_in(text, encoding):
    """No character is lost between line and field, typed or pasted: it is there, or its sign is."""
    typed = "".join(token.character for token in Reader(encoding).feed(text.encode() + b"."))
    [paste] = Reader(encoding).feed(b"\x1b[200~" + text.encode() + b".\x1b[201~")
    meant = (
        text
        if encoding
        else "".join(sign if sign.isascii() else "\N{REPLACEMENT CHARACTER}" for sign in text)
    )
    assert typed == paste.text == f"{meant}."


TYPED_BEHIND_ESC = [
    ("x", ["x"]),
    ("f", ["f"]),
    ("\r", ["enter"]),
    ("\t", ["tab"]),
    ("\x7f", ["backspace"]),
    ("\x17", ["ctrl+w"]),
    ("é", ["é"]),
    ("\x1b[A", ["up"]),
    ("\x1bOP", ["f1"]),
    ("\x1b[15~", ["f5"]),
    ("\x1b[Z", ["shift+tab"]),
]


@pytest.mark.parametrize("escapes", [1, 2, 3])
@pytest.mark.parametrize(("codes", "then"), TYPED_BEHIND_ESC)
def test_keys_typed_quickly_behind_esc_keep_their_meaning(codes, then, escapes):
    """Esc and Enter in one write close the question and press Enter, as they do when typed slowly."""
    reader = Reader()
    data = ("\x1b" * escapes + codes).encode()
    assert names(reader.feed(data) + reader.time_out()) == ["escape"] * escapes + then


def test_a_reply_takes_no_esc_away():
    """The terminal's answer may come directly behind the Esc that somebody pressed."""
    assert Reader().feed(b"\x1b\x1b[0n") == [Key("escape", "\x1b"), Reply("status")]


def test_esc_and_tab_are_shift_and_tab_on_the_linux_console():
    """That console knows no other code for it."""
    assert names(Reader(linux=True).feed(b"\x1b\t")) == ["shift+tab"]


def test_a_paste_is_one_event():
    """A long text goes into one field at once; a control character in it shows that it was there."""
    text = "line one\r\nline \x1b[31mtwo\x07" + "x" * 3000
    tokens = Reader().feed(b"\x1b[200~" + text.encode() + b"\x1b[201~k")
    assert tokens == [Paste("line one\nline \ufffd[31mtwo\ufffd" + "x" * 3000), Key("", "k")]


def test_a_paste_that_never_ends_gives_the_keyboard_back():
    """If the end mark is lost, what came is pasted and keys count again."""
    reader = Reader()
    reader.feed(b"\x1b[200~half")
    assert reader.waiting == "paste"
    assert reader.time_out() == [Paste("half")]
    assert names(reader.feed(b"k")) == ["k"]


def test_a_position_report_is_a_reply_only_when_asked():
    """CSI 1 ; 2 R is shift and F3, but the terminal's size when that was asked for."""
    reader = Reader()
    reader.asked_position = True
    assert reader.feed(b"\x1b[24;80R") == [Reply("position", (24, 80))]


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_no_bytes_break_the_reader(data):
    """Whatever comes, the reader goes on, delivers no control character as text, and recovers."""
    reader = Reader()
    for token in [*reader.feed(data), *reader.time_out()]:
        event = event_for(token) if not isinstance(token, Reply) else None
        if isinstance(event, events.Key):
            assert event.key not in {"ctrl+q", "ctrl+s"}
            assert len(event.character or "x") == 1
    assert names(reader.feed(b"z")) == ["z"]


@given(
    st.text(
        st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn", "Co", "Zl", "Zp", "Cf", "Zs"]),
        max_size=20,
    )
)
@settings(deadline=None)
def test_typed_text_is_the_same_as_with_the_stock_driver(text):
    """Characters have the names and the text that Textual gives them."""
    ours = [event_for(token) for token in Reader().feed(text.encode())]
    stock = list(XTermParser().feed(text))
    assert [(event.key, event.character) for event in ours] == [
        (event.key, event.character) for event in stock
    ]


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        (b"\x9bA", "up"),
        (b"\x8fP", "f1"),
        (b"\x9b21~", "f10"),
        ("\x9b21~".encode(), "f10"),
        (b"\x9b1;5C", "ctrl+right"),
        *((f"\x1bO{letter}".encode(), f"f{number}") for number, letter in enumerate("PQRSTUVWXYZ[", 1)),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", None])
def test_eight_bit_controls_and_puttys_keys_are_keys(sent: bytes, name: str, encoding: str | None) -> None:
    """A terminal that sends C1 controls, and PuTTY's VT100+ keys, type no letters."""
    if encoding is None:
        sent = sent.removeprefix(b"\xc2")
    assert names(Reader(encoding).feed(sent)) == [name]


def test_a_byte_within_a_character_is_no_control() -> None:
    """Many characters of UTF-8 hold the bytes 0x8f and 0x9b."""
    text = "\u03db\u06cf\u4f5b"
    assert names(Reader().feed(text.encode())) == list(text)


@pytest.mark.parametrize("string", [b"\x9d0;title\x07", b"\x90$qm\x1b\\", b"\x9fGi=1\x1b\\"])
def test_eight_bit_strings_are_swallowed(string: bytes) -> None:
    """A title or a reply in 8-bit form types nothing."""
    assert names(Reader().feed(string + b"a")) == ["a"]


def test_sco_has_codes_of_its_own() -> None:
    """On TERM=scoansi CSI M is F1 and no mouse; elsewhere it stays the mouse."""
    sent = "".join(f"\x1b[{letter}" for letter in "MNOPQRSTUVWX").encode()
    assert names(Reader(sco=True).feed(sent)) == [f"f{number}" for number in range(1, 13)]
    assert names(Reader().feed(b"\x1b[M abq")) == ["q"]


@pytest.mark.parametrize("size", [65, 5000, 50_000])
@pytest.mark.parametrize(("begin", "end"), [("\x1b[?", "c"), ("\x1b]11;", "\x07"), ("\x1bP1$r", "\x1b\\")])
def test_an_answer_that_is_too_long_types_nothing(begin: str, end: str, size: int) -> None:
    """Whatever a terminal answers beyond all bounds: none of it is a key, and the next key is one."""
    reader = Reader()
    assert reader.feed((begin + "9" * size + end).encode()) == []
    assert [token.name for token in reader.feed(b"\x1b[21~") if isinstance(token, Key)] == ["f10"]
    assert reader.feed((begin + "9" * size).encode()) == []
    assert reader.waiting == "escape"
    assert reader.time_out() == []
    assert reader.feed(b"a") == [Key("", "a")]

"""What reaches a terminal: text that may come from anywhere is shown there, never obeyed."""

import re
from typing import Any

# Control characters (of which ESC and C1's CSI begin what a terminal obeys), what turns the direction of writing, line
# separators, and halves of surrogate pairs, which cannot be written at all. Joiners of scripts and emoji stay.
_UNSHOWN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_MOVES = re.compile(r"(?:[\r\n]|\x1b\[A)*")  # what progress bars write to move; on its own, or "\r" before the bar


def shown(text: str) -> str:
    """Return a text with every character that is not to be seen written out, as JSON would: `\\u001b`."""
    return _UNSHOWN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def shortened(text: str, width: int = 100) -> str:
    """Return a text as `shown`, on one line, cut to `width` characters: at a blank if one stands in the second half."""
    line = shown(" ".join(text.split()))
    if len(line) <= width:
        return line
    most = width - len(" ...")
    blank = line.rfind(" ", most // 2, most + 1)
    return line[: most if blank < 0 else blank] + " ..."


class Terminal:
    """A text stream that writes to another one what `shown` makes of it; all else is the other's."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text; only what a progress bar writes to move keeps its meaning."""
        moves = _MOVES.match(text)
        start = len(moves[0]) if moves and (moves[0] == text or "\x1b" not in moves[0]) else 0
        self._stream.write(text[:start] + shown(text[start:]))
        return len(text)

"""Which words of an English text name a place or its people, so that a score can be taken without them.

Where a corpus's regions were derived from place words (Wikipedia Current Events), finding the region means
finding those words again, and the masked-LM gain from knowing it is partly their gain. This module finds the
words: countries, states and provinces, cities, parts of the world, and the peoples of all these.

**What stays:** people ("Trump", "Trudeau"), institutions, parties and firms named without a place word ("NHS",
"Congress", "Qantas"), currencies, laws, sports and clubs. They tell a reader the region too; a score without
place words is a score without *place words*, not without give-aways. "The Bank of England" loses its last word.

**What goes too far:** a word is a word. "Houston" is hidden where it is a surname, "Washington" in "Washington
Post", "Georgia" whichever it is. Which names are known, and which are left out, is told in
:mod:`data_samples.current_events.gazetteer`, where they are kept.
"""

import functools
import re

from data_samples.current_events.gazetteer import name_expression, place_names
from data_samples.current_events.gazetteer import tree_of_letters as _tree  # noqa: F401  its test knows it by this name


def place_spans(text: str) -> list[tuple[int, int]]:
    """Where a text names places and peoples: (start, end) in characters, in order, never overlapping.

    Of two names that start at the same letter the longer one is taken ("New South Wales", not "New"); a possessive
    's is outside, and so is what a hyphen adds ("US" in "US-led").

    Examples
    --------
    >>> text = "The US told us: Turkey and New South Wales's Indians."
    >>> [text[start:end] for start, end in place_spans(text)]
    ['US', 'Turkey', 'New South Wales', 'Indians']
    """
    return [match.span() for match in _pattern().finditer(text)]


def hide_places(text: str, by: str = "PLACE") -> str:
    """The text with every name of a place or people replaced; fit for ``mask=`` of ``locate_metrics``.

    Parameters
    ----------
    text : str
    by : str
        What stands for a name.

    Examples
    --------
    >>> hide_places("British voters went to the polls in Leeds.")
    'PLACE voters went to the polls in PLACE.'
    """
    return _pattern().sub(lambda _: by, text)


@functools.cache
def _pattern() -> re.Pattern[str]:
    return name_expression(place_names())

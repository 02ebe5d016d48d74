"""Two wordings of one fact: pairs of texts that mean the same, for the plain encoder's training (lesson 01b).

The almanac's templates have several wordings each.  One fact in two of them is a pair whose second text follows from
the first; another fact of the same template, in a wording of it, is a hard negative: nearly the same words, other
numbers, days or places.

    python -m data_samples.almanac.two_wordings     # writes data_samples/two_wordings.csv.gz
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Sequence
from random import Random

import numpy as np

from data_samples.almanac.assemble import TEMPLATES, cells
from data_samples.almanac.template import Drawn, Template, sentence
from spacetime.corpus.two_wordings import TWO_WORDINGS, TwoWordings

TRAIN, HELD_OUT = 8000, 300  # pairs that are shipped
_TRIES = 40  # facts drawn for one pair before another template's turn


def template_names() -> list[str]:
    """Templates that can say a fact in two ways, in the almanac's order."""
    return [template.id for template in TEMPLATES if len(template.wordings) > 1]


def two_wordings(count: int, templates: Sequence[str] | None = None, *, seed: int = 0) -> list[TwoWordings]:
    """Draw facts, each in two different wordings.

    Parameters
    ----------
    count
        How many, all different.
    templates
        Names (`template_names`) to draw from, each as often as another; None for all.  Facts of templates that were
        not trained on show what was learned beyond the patterns themselves.
    seed
        The same seed gives the same pairs.

    Raises
    ------
    ValueError
        A template is unknown or has one wording, or these templates do not have so many facts.

    Examples
    --------
    >>> pair = two_wordings(1, ["moon.full"])[0]
    >>> pair.first != pair.second != pair.other, pair.template
    (True, 'moon.full')
    """
    known = {template.id: template for template in TEMPLATES if len(template.wordings) > 1}
    if count < 1:
        raise ValueError(f"count must be at least 1 pair, not {count}")
    if unknown := [name for name in templates or () if name not in known]:
        raise ValueError(f"no template {unknown[0]!r} with two wordings; known are {', '.join(list(known)[:4])}, ...")
    chosen = [known[name] for name in templates or known]
    random = Random(f"two wordings/{seed}")
    found: dict[tuple[str, str], TwoWordings] = {}
    dry = 0  # templates in a row that gave nothing new
    while len(found) < count:
        template = random.choice(chosen)
        pair = _pair(template, random)
        if pair is None or (pair.first, pair.second) in found:
            dry += 1
            if dry > 20 * len(chosen):
                raise ValueError(f"{len(chosen)} templates gave {len(found)} pairs, not {count}; name more templates")
            continue
        found[pair.first, pair.second], dry = pair, 0
    return list(found.values())


def _pair(template: Template, random: Random) -> TwoWordings | None:
    """One fact in two wordings and another fact in one of these, or None where no two facts are found."""
    first, second = random.sample(template.wordings, 2)
    fact, other = _fact(template, random), None
    if fact is None:
        return None
    for _ in range(_TRIES):
        other = _fact(template, random)
        # Where one of the two wordings comes out the same, the other fact may be true of the first sentence, too.
        if other and all(sentence(words, other) != sentence(words, fact) for words in (first, second)):
            break
    else:
        return None
    said = sentence(first, fact), sentence(second, fact), sentence(random.choice((first, second)), other)
    return TwoWordings(*said, template.id) if len(set(said)) == 3 else None


def _fact(template: Template, random: Random) -> Drawn | None:
    """A fact of any month and any region that the template has."""
    for _ in range(_TRIES):
        cell = random.choice(_CELLS)
        if cell.region.label in (template.regions or (cell.region.label,)):
            drawn = template.draw(cell, random)
            if drawn is not None and template.fits(cell, drawn):
                return drawn
    return None


_CELLS = cells()


def csv_bytes() -> bytes:
    """The shipped file, unpacked: pairs to train on, and pairs of an eighth of the templates, held out."""
    templates = template_names()
    np.random.default_rng(0).shuffle(templates)
    eighth = len(templates) // 8
    text = io.StringIO(newline="")
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(["side", *TwoWordings._fields])
    lines.writerows(["train", *pair] for pair in two_wordings(TRAIN, templates[eighth:], seed=0))
    lines.writerows(["held out", *pair] for pair in two_wordings(HELD_OUT, templates[:eighth], seed=1))
    return text.getvalue().encode()


if __name__ == "__main__":
    TWO_WORDINGS.write_bytes(gzip.compress(csv_bytes(), 9, mtime=0))

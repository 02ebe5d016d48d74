"""Is the context *used*: does a model guess hidden words of unseen sentences better when told month and region?

A vector can carry a month (a code glued to it does) without the model knowing anything about that month. Here words are
hidden, and the model that is told the true month and region is compared with itself, told another month, another
region, both, or nothing. Ways that bring the context in after attention can't gain anything.

Everything is paired: for one seed the hidden words and the exchanges are the same in every context and for every
encoder (all share a tokenizer), so differences don't depend on how hard the drawn words are.

Where the regions of a corpus were derived from place words, these alone would give a gain. So everything can also be
scored without the word pieces of places, as a function finds them, such as `place_spans` of
`data_samples/current_events/places.py`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import datasets
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from spacetime.encoder import SpaceTimeEncoder
from spacetime.evaluation.sampling import Floats, Ids, draw_sample, label_ids, ratio_interval, times_drawn
from spacetime.inputs import as_annotated
from spacetime.model.embedding import pad
from spacetime.months import MISSING
from spacetime.training.batches import MASK_SHARE

CONTEXTS = ("true", "months exchanged", "regions exchanged", "both exchanged", "none")
"""What the model is told; see `masked_word_losses`."""

NOT_PLACES = ", not places"
"""Ends the name of a loss column that leaves out the pieces of places and peoples."""

Mask = NDArray[np.bool_]
Places = Callable[[str], Sequence[tuple[int, int]]]


@as_annotated
def masked_word_losses(
    encoder: SpaceTimeEncoder,
    dataset: datasets.Dataset,
    *,
    contexts: tuple[str, ...] = CONTEXTS,
    draws: int = 1,
    max_sentences: int | None = None,
    seed: int = 0,
    batch_size: int = 64,
    places: Places | None = None,
) -> pd.DataFrame:
    """Cross entropy of hidden word pieces, sentence by sentence, in true, exchanged and missing contexts.

    Of each sentence 15 % of the word pieces are hidden, at least one, always behind [MASK]: of BERT's other two
    fates in training a kept word needs no context, and a random one blurs every sentence alike; both would only
    thin out the difference that is looked for. The contexts, by what the model is told:

    - `"true"`: the sentence's own month and region;
    - `"months exchanged"`: the month of another sentence of the same region, never its own month;
    - `"regions exchanged"`: the region of another sentence of the same month, never its own region;
    - `"both exchanged"`: month and region of another sentence, neither of them its own;
    - `"none"`: nothing.

    An exchange is a permutation among the sentences that take part, so the model is told each month and region as
    often as in truth, and a label that it happens to like or to know badly can't make the difference. Where one
    label fills more than half of a group, its surplus (drawn at random) can't take part and has NaN there.

    Parameters
    ----------
    encoder
        With a trained masked-word head. If its attribute `precision` is "bfloat16", the model runs under autocast; the
        losses are computed in float32 always.
    dataset
        Unseen rows, with a column date if there is one (else the month counts as the day).
    contexts
        Some of `CONTEXTS`.
    draws
        Times that each sentence is scored, with other hidden words and other exchanges.
    places
        Takes a text and returns where it names places, as (start, end) in characters. Everything is then also scored
        without the pieces that overlap these.

    Returns
    -------
    DataFrame
        One row a sentence and draw: row (in the data set), draw, date, month, region, words (hidden pieces),
        words_not_places, and for each context the summed cross entropy in nats, in a column of its name and, without
        the pieces of places, one that ends in `NOT_PLACES`.

        `attrs["left_out"]` counts rows (missing_month, missing_region, beyond_max, no_words: texts without a word
        piece; cut: texts longer than the model's maximum, whose ends are not scored) and, by the names of contexts,
        the sentences and draws that found no exchange.

    Raises
    ------
    ValueError
        If a context or a label is unknown, a count below 1, no row is left, or the model gives NaN.
    """
    for context in contexts:
        if context not in CONTEXTS:
            raise ValueError(f"contexts has {context!r}; known are {', '.join(map(repr, CONTEXTS))}")
    sample = draw_sample(dataset, max_sentences=max_sentences, seed=seed)
    pieces, place_pieces, cut = _word_pieces(encoder, sample.texts, places)
    words = np.array([len(ids) - 2 for ids in pieces])  # without [CLS] and [SEP]
    kept = np.flatnonzero(words > 0)
    if len(kept) == 0:
        raise ValueError(f"none of the {len(sample)} texts holds a word; is the text column the right one?")
    month, region = (ids[kept] for ids in label_ids(encoder, sample))
    rows = sample.rows[kept]
    labels: dict[str, Any] = {"row": rows, "draw": 0, "date": _days(dataset, rows, encoder.months.labels(month))}
    labels |= {"month": encoder.months.labels(month), "region": encoder.regions.labels(region)}
    left_out = {name: n for name, n in sample.left_out.items() if name != "excluded"}
    left_out |= {"no_words": len(sample) - len(kept), "cut": int(cut[kept].sum())}
    left_out |= {context: 0 for context in contexts if "exchanged" in context}

    sentences, is_place = [pieces[i] for i in kept], [place_pieces[i] for i in kept]
    scored = {"words": "", "words_not_places": NOT_PLACES} if places is not None else {"words": ""}
    tables = []
    for draw in range(draws):
        random = np.random.default_rng([seed, draw])
        hidden = hide_words(words[kept], random)
        # All exchanges are drawn, also those not asked for, so that contexts= does not change the others.
        partners = exchanges(month, region, random)
        told = {"true": (month, region), "none": (np.full_like(month, MISSING),) * 2}
        for context, partner in partners.items():
            # A row without a partner keeps its own labels for the moment: the same batches in every context.
            lender = np.where(partner < 0, np.arange(len(kept)), partner)
            told[context] = month[lender], region[lender]
        counts, losses = _losses(encoder, sentences, is_place, hidden, {c: told[c] for c in contexts}, batch_size)
        table = pd.DataFrame(labels | {"draw": draw} | dict(zip(scored, counts.T, strict=False)))
        for context in contexts:
            if context in partners:
                losses[context][partners[context] < 0] = np.nan
                left_out[context] += int((partners[context] < 0).sum())
            for part, ending in enumerate(scored.values()):
                table[context + ending] = losses[context][:, part]
        tables.append(table)
    result = pd.concat(tables, ignore_index=True)
    result.attrs["left_out"] = left_out
    return result


def _word_pieces(
    encoder: SpaceTimeEncoder, texts: list[str], places: Places | None
) -> tuple[list[list[int]], list[Mask], Mask]:
    """Each text's word pieces as of `encoder.word_pieces`, which of them name a place, and which texts were cut."""
    length = encoder.model.config.max_length
    coded = encoder.tokenizer(texts, return_offsets_mapping=True, add_special_tokens=True, verbose=False)
    pieces, is_place, cut = [], [], np.zeros(len(texts), dtype=bool)
    for i, (text, ids, offsets) in enumerate(zip(texts, coded["input_ids"], coded["offset_mapping"], strict=True)):
        if len(ids) > length:
            cut[i] = True
            ids, offsets = [*ids[: length - 1], ids[-1]], [*offsets[: length - 1], (0, 0)]
        pieces.append(ids)
        of_place = np.zeros(len(ids), dtype=bool)
        if places is not None:
            starts, ends = np.array(offsets).T
            for start, end in places(text):
                of_place |= (starts < end) & (ends > start)
        is_place.append(of_place)
    return pieces, is_place, cut


def _days(dataset: datasets.Dataset, rows: Ids, months: Any) -> list[str]:
    if "date" not in dataset.column_names:
        return [str(month) for month in months]
    dates = dataset.select_columns(["date"]).select(rows)["date"][:]
    # A row without a date is its month's, not one of the day "None" that all such rows would share.
    return [str(month) if pd.isna(date) else str(date)[:10] for date, month in zip(dates, months, strict=True)]


def hide_words(words: Ids, random: np.random.Generator, share: float = MASK_SHARE) -> list[Ids]:
    """Which word pieces of each sentence to hide: each with probability `share`, at least one.

    Parameters
    ----------
    words : int array (n,)
        Pieces of each sentence, [CLS] and [SEP] not counted; 1 or more.

    Returns
    -------
    list of n int arrays
        Places in the sentence; the first word piece is at place 1, after [CLS].
    """
    # The lowest number is hidden in any case: that makes one of a sentence where none falls below the share.
    chances = np.split(random.random(int(words.sum())), np.cumsum(words)[:-1])
    return [np.flatnonzero((chance < share) | (chance == chance.min())) + 1 for chance in chances]


def exchanges(month: Ids, region: Ids, random: np.random.Generator) -> dict[str, Ids]:
    """For each exchanged context, the sentence whose month and region each sentence is told; -1 for none.

    Parameters
    ----------
    month, region : int arrays (n,)
        Only which are equal matters, not the numbers: encoders that number them differently get the same exchange.
    """
    month, region = pd.factorize(month)[0], pd.factorize(region)[0]
    everything = np.zeros_like(month)
    return {
        "months exchanged": _exchange(month[None], region, random),
        "regions exchanged": _exchange(region[None], month, random),
        "both exchanged": _exchange(np.stack([month, region]), everything, random),
    }


def _exchange(labels: Ids, group: Ids, random: np.random.Generator) -> Ids:
    """A random permutation within each group in which no row keeps its own label; -1 where a row can't take part.

    Parameters
    ----------
    labels : int array (kinds, n)
    group : int array (n,)

    Notes
    -----
    Draw a permutation; as long as a row meets its own label, swap partners with a random other row so that both have
    other labels. For one kind of label this ends with no such row left where no label fills more than half of the
    group: if row i with label v finds no such other, all n - c others of other labels have the c - 1 or fewer remaining
    v's for partners, so n < 2c. Then i takes no part, the row that had i as partner takes i's partner (which has the
    label v as i had), and exactly the surplus 2c - n goes. For two kinds together the same steps are no proof of the
    greatest number, only of ending: every round leaves fewer rows that meet their own label, or fewer rows.
    """
    partner = np.full(labels.shape[1], -1, dtype=np.int64)
    for name in range(int(group.max()) + 1):
        members = np.flatnonzero(group == name)
        own = labels[:, members]
        choice = random.permutation(len(members))  # choice[i]: the partner of i
        while True:
            meets_own = (own == own[:, choice]).any(axis=0) & (choice >= 0)
            if not meets_own.any():
                break
            for i in random.permutation(np.flatnonzero(meets_own)):
                if choice[i] < 0 or not (own[:, i] == own[:, choice[i]]).any():
                    continue  # content by now, through an earlier swap
                # A few drawn at random have a fit nearly always; all are looked at before i is given up.
                for some in (random.integers(len(members), size=64), np.arange(len(members))):
                    fits = (own[:, some] != own[:, [choice[i]]]).all(axis=0)  # content with i's partner
                    fits &= (own[:, choice[some]] != own[:, [i]]).all(axis=0)  # and i with theirs
                    others = some[fits & (choice[some] >= 0)]
                    if len(others):
                        break
                if len(others):
                    j = random.choice(others)
                    choice[i], choice[j] = choice[j], choice[i]
                else:
                    choice[np.flatnonzero(choice == i)] = choice[i]
                    choice[i] = -1
        partner[members] = np.where(choice >= 0, members[choice], -1)
    return partner


@torch.inference_mode()
def _losses(
    encoder: SpaceTimeEncoder,
    pieces: list[list[int]],
    is_place: list[Mask],
    hidden: list[Ids],
    told: dict[str, tuple[Ids, Ids]],
    batch_size: int,
) -> tuple[Ids, dict[str, Floats]]:
    """Hidden pieces of each sentence, (n, 2), all and not places; and in each context their summed loss, (n, 2)."""
    counts = np.zeros((len(pieces), 2), dtype=np.int64)
    losses = {context: np.zeros((len(pieces), 2)) for context in told}
    order = np.argsort([-len(ids) for ids in pieces], kind="stable")
    device = encoder.device
    brief = getattr(encoder, "precision", "float32") == "bfloat16"
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        input_ids, attention_mask = pad([pieces[row] for row in rows], encoder.tokenizer.pad_token_id)
        masked = torch.zeros_like(input_ids, dtype=torch.bool)
        for i, row in enumerate(rows):
            masked[i, hidden[row]] = True
        answers = input_ids[masked].to(device)
        sentence = np.repeat(rows, [len(hidden[row]) for row in rows])
        scored = np.stack([np.ones(len(sentence)), np.concatenate([~is_place[row][hidden[row]] for row in rows])])
        input_ids = input_ids.masked_fill(masked, encoder.tokenizer.mask_token_id)
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask, "masked_positions": masked}
        inputs = {name: tensor.to(device) for name, tensor in inputs.items()}
        np.add.at(counts, sentence, scored.T.astype(np.int64))
        for context, (month, region) in told.items():
            ids = {"month_ids": torch.from_numpy(month[rows]), "region_ids": torch.from_numpy(region[rows])}
            with torch.autocast(device.type, torch.bfloat16, enabled=brief):
                logits = encoder.model(**inputs, **{name: i.to(device) for name, i in ids.items()}).mlm_logits
            loss = torch.nn.functional.cross_entropy(logits.float(), answers, reduction="none").double().cpu().numpy()
            if not np.isfinite(loss).all():
                raise ValueError(f"the model gave NaN or infinite losses in context {context!r}; did training diverge?")
            np.add.at(losses[context], sentence, (scored * loss).T)
    return counts, losses


@as_annotated
def context_gains(
    losses: pd.DataFrame, *, compared: pd.DataFrame | None = None, resamples: int = 1000, seed: int = 0
) -> dict[str, float]:
    """What the true context gains, in nats a hidden word piece, with 95 % intervals that resample whole days.

    Sentences of one day resemble each other, so days, not sentences, are drawn again; each resample's number is a
    ratio of sums, so that a word piece counts the same wherever it stands.

    Parameters
    ----------
    losses
        Of `masked_word_losses`, with the context "true".
    compared
        Of another encoder, made with the same data set, seed, draws and counts.

    Returns
    -------
    dict
        - `mlm_loss_true`, `mlm_loss_months_exchanged`, `mlm_loss_regions_exchanged`, `mlm_loss_both_exchanged`,
          `mlm_loss_none`: mean loss in each context, over the sentences that have one. Where sentences found no
          exchange, their mean can't be subtracted from another: use the gains.
        - `mlm_gain_months`, `mlm_gain_regions`, `mlm_gain_both`: exchanged - true, over the sentences that found an
          exchange; `mlm_gain_context`: none - true. Above 0, the truth helps.
        - With `compared`: `mlm_loss_true_difference` and each `mlm_gain_*_difference`, this encoder minus the compared
          one, paired.
        - `*_low` and `*_high` of gains, differences and `mlm_loss_true`.
        - All this again with `_not_places` before `_difference`, `_low`, `_high`, where the losses have it.
        - `mlm_sentences` (rows of the table), `mlm_days`, `mlm_words`, `mlm_words_not_places`, and
          `mlm_without_months_exchanged` and the like: rows that found no exchange.

        A context that the table lacks, or that no sentence found an exchange in, has no numbers.

    Raises
    ------
    ValueError
        If the table lacks a column, holds fewer than two days, or does not match `compared`.
    """
    for column in ("row", "draw", "date", "words", "true"):
        for name, table in (("losses", losses), ("compared", compared)):
            if table is not None and column not in table:
                raise ValueError(f"{name} has no column {column!r}; make it with masked_word_losses")
    if compared is not None:
        _check_match(losses, compared)
    day, days = pd.factorize(losses["date"])
    if len(days) < 2:
        raise ValueError(f"the losses are of {len(days)} day(s); an interval needs at least 2")
    drawn = times_drawn(len(days), resamples, seed)

    metrics: dict[str, float] = {}

    def add(name: str, loss: pd.Series, words: pd.Series, interval: bool = True) -> None:
        known = loss.notna().to_numpy()
        if not words[known].sum():
            return
        sums, counts = (np.bincount(day[known], column[known], minlength=len(days)) for column in (loss, words))
        metrics[name] = float(sums.sum() / counts.sum())
        if interval:
            metrics[f"{name}_low"], metrics[f"{name}_high"] = map(float, ratio_interval(drawn, sums, counts))

    for ending, without, words in (("", "", "words"), ("_not_places", NOT_PLACES, "words_not_places")):
        if words not in losses:
            continue
        true = losses["true" + without]
        for context in CONTEXTS:
            if context + without in losses:
                name = f"mlm_loss_{context.replace(' ', '_')}{ending}"
                add(name, losses[context + without], losses[words], interval=context == "true")
        if compared is not None:
            add(f"mlm_loss_true{ending}_difference", true - compared["true" + without], losses[words])
        for context, gain in _GAINS.items():
            if context + without not in losses:
                continue
            gains = losses[context + without] - true
            add(f"mlm_gain_{gain}{ending}", gains, losses[words])
            if compared is not None and context + without in compared:
                other = compared[context + without] - compared["true" + without]
                add(f"mlm_gain_{gain}{ending}_difference", gains - other, losses[words])
        metrics[f"mlm_{words}"] = float(losses[words].sum())
    metrics |= {"mlm_sentences": float(len(losses)), "mlm_days": float(len(days))}
    for context in _GAINS:
        if context in losses and "exchanged" in context:
            metrics[f"mlm_without_{context.replace(' ', '_')}"] = float(losses[context].isna().sum())
    return metrics


_GAINS = {"months exchanged": "months", "regions exchanged": "regions", "both exchanged": "both", "none": "context"}


def _check_match(losses: pd.DataFrame, compared: pd.DataFrame) -> None:
    same = "give the same data set, seed, draws, max_sentences and places to both"
    if len(losses) != len(compared):
        raise ValueError(f"losses has {len(losses)} rows and compared {len(compared)}; {same}")
    columns = ["row", "draw", "date", "words", *(["words_not_places"] if "words_not_places" in losses else [])]
    for column in columns:
        if column not in compared or not np.array_equal(losses[column].to_numpy(), compared[column].to_numpy()):
            raise ValueError(f"losses and compared differ in column {column!r}; {same}")
    for context in [context for context in CONTEXTS if context in losses and context in compared]:
        if not losses[context].isna().equals(compared[context].isna()):
            raise ValueError(f"losses and compared exchanged other sentences in {context!r}; {same}")

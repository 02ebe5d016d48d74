"""Promises of `spacetime.evaluation.masked_words`: fair exchanges, paired losses, honest intervals."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pytest
import torch

from data_samples.current_events.places import place_spans
from spacetime.encoder import SpaceTimeEncoder
from spacetime.evaluation.masked_words import (
    CONTEXTS,
    NOT_PLACES,
    context_gains,
    exchanges,
    hide_words,
    masked_word_losses,
)
from spacetime.model import SpaceTimeConfig, SpaceTimeMiniLM, load_tokenizer
from spacetime.months import MonthRange
from spacetime.regions import RegionSet

MONTHS = [f"2019-{month:02d}" for month in range(1, 7)]
REGIONS = ["UK", "US", "AUS", "CAN"]
WORDS = "rain snow vote match law bank".split()  # one for each month


def corpus(days: int = 4) -> datasets.Dataset:
    """Every month and region, on some days; each month speaks of one thing only."""
    rows = [
        {"text": " ".join([WORDS[i]] * 8), "month": month, "region": region, "date": f"{month}-{day:02d}"}
        for i, month in enumerate(MONTHS)
        for region in REGIONS
        for day in range(1, days + 1)
    ]
    return datasets.Dataset.from_list(rows)


def tiny(conditioning: str = "prefix", seed: int = 0) -> SpaceTimeEncoder:
    """A random model of two narrow layers, each weight moved away from its start."""
    torch.manual_seed(seed)
    config = SpaceTimeConfig(
        conditioning=conditioning,  # type: ignore[arg-type]
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        first_month="2019-01",
        last_month="2019-12",
        max_length=32,
    )
    model = SpaceTimeMiniLM(config)
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return SpaceTimeEncoder(model, load_tokenizer(), device="cpu")


class RiggedModel:
    """Guesses the months' words as `guess(month, word)` says, its logits; keeps what it was asked."""

    config = SimpleNamespace(max_length=32)

    def __init__(self, guess: Callable[[int, int], float], words: list[int], vocabulary: int) -> None:
        self.guess, self.words, self.vocabulary = guess, words, vocabulary
        self.asked: list[dict[str, torch.Tensor]] = []

    def __call__(self, **inputs: torch.Tensor) -> Any:
        self.asked.append(inputs)
        places = inputs["masked_positions"]
        logits = torch.zeros(int(places.sum()), self.vocabulary)
        for place, month in enumerate(inputs["month_ids"][:, None].expand_as(places)[places].tolist()):
            for word, piece in enumerate(self.words):
                logits[place, piece] = self.guess(month, word)
        return SimpleNamespace(mlm_logits=logits)


class Rigged:
    def __init__(self, guess: Callable[[int, int], float] = lambda month, word: 5.0 * (month == word)) -> None:
        self.tokenizer: Any = load_tokenizer()
        self.months, self.regions = MonthRange("2019-01", "2019-12"), RegionSet(REGIONS)
        self.device = torch.device("cpu")
        words = [self.tokenizer.get_vocab()[word] for word in WORDS]
        self.model = RiggedModel(guess, words, len(self.tokenizer))
        self.asked = self.model.asked


def losses_of(encoder: Any, data: datasets.Dataset, **options: Any) -> pd.DataFrame:
    return masked_word_losses(encoder, data, **{"places": place_spans} | options)


# ------------------------------------------------------------------------------------------------- exchanges


@pytest.mark.parametrize("seed", range(100))
def test_an_exchange_gives_nobody_an_own_label_and_every_label_as_often_as_before(seed: int) -> None:
    random = np.random.default_rng(seed)
    size = int(random.integers(1, 60))
    # Few labels of unequal shares: surpluses and lonely sentences happen often.
    month, region = (random.choice(k, size, p=random.dirichlet(np.full(k, 0.7))) for k in random.integers(1, 7, 2))
    found = exchanges(month, region, random)
    for name, same, other in (
        ("months exchanged", region, [month]),
        ("regions exchanged", month, [region]),
        ("both exchanged", np.zeros(size), [month, region]),
    ):
        partner = found[name]
        rows = np.flatnonzero(partner >= 0)
        assert sorted(partner[rows]) == rows.tolist(), "a permutation of those who take part"
        assert (same[partner[rows]] == same[rows]).all()
        for labels in other:
            assert (labels[partner[rows]] != labels[rows]).all()


@pytest.mark.parametrize("seed", range(30))
def test_an_exchange_leaves_out_the_surplus_of_a_label_and_nobody_else(seed: int) -> None:
    random = np.random.default_rng(seed)
    month = random.integers(0, 4, 80)
    region = np.where(random.random(80) < 0.6, 0, random.integers(0, 3, 80))
    partner = exchanges(month, region, random)["regions exchanged"]
    for name in range(4):
        here = region[month == name]
        surplus = max(0, 2 * np.bincount(here).max() - len(here))
        assert (partner[month == name] < 0).sum() == surplus
        assert np.bincount(here[partner[month == name] < 0], minlength=3)[1:].sum() == 0 or surplus == 0


@pytest.mark.parametrize("seed", range(20))
def test_where_months_and_regions_are_many_everybody_takes_part(seed: int) -> None:
    random = np.random.default_rng(seed)
    month, region = random.permutation(np.repeat(np.arange(5), 20)), random.permutation(np.repeat(np.arange(4), 25))
    found = exchanges(month, region, random)
    assert (found["both exchanged"] >= 0).all()


def test_an_exchange_is_the_same_whatever_the_numbers_of_the_labels() -> None:
    month, region = np.arange(40) % 5, np.arange(40) % 3
    one = exchanges(month, region, np.random.default_rng(3))
    other = exchanges(month + 7, np.array([2, 0, 1])[region], np.random.default_rng(3))
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


def test_an_exchange_is_not_always_with_the_same_label() -> None:
    month = np.repeat(np.arange(6), 20)
    partner = exchanges(month, np.zeros_like(month), np.random.default_rng(0))["months exchanged"]
    assert all(len(set(month[partner[month == name]])) == 5 for name in range(6))


# ---------------------------------------------------------------------------------------------------- losses


def test_every_sentence_hides_a_word_and_of_many_about_the_share() -> None:
    words = np.array([1, 2, 3] * 50 + [30] * 200)
    hidden = hide_words(words, np.random.default_rng(0), 0.15)
    assert all(len(h) >= 1 and h.min() >= 1 and h.max() <= w for h, w in zip(hidden, words, strict=True))
    # 6,000 pieces: the share's standard error is .005; a sentence of 30 is without any in one of 130 cases.
    assert sum(map(len, hidden[150:])) / 6000 == pytest.approx(0.15, abs=0.02)


def test_losses_are_those_of_the_model_asked_one_sentence_at_a_time() -> None:
    encoder = tiny()
    texts = ["Rain fell on the village.", "The vote was close and the count was long.", "Snow."]
    data = datasets.Dataset.from_dict({"text": texts, "month": MONTHS[:3], "region": ["UK", "US", "CAN"]})
    table = losses_of(encoder, data, contexts=("true", "none"))
    pieces = encoder.word_pieces(texts)
    hidden = hide_words(np.array([len(ids) - 2 for ids in pieces]), np.random.default_rng([0, 0]))
    for i, ids in enumerate(pieces):
        asked = torch.tensor([ids])
        asked[0, hidden[i]] = encoder.tokenizer.mask_token_id
        context = {"month_ids": torch.tensor([i]), "region_ids": torch.tensor([[0, 1, 3][i]])}
        for name, given in (("true", context), ("none", {})):
            with torch.no_grad():
                words = encoder.model(asked, **given).last_hidden_state[0, hidden[i]]
                chance = encoder.model.mlm_head(words).log_softmax(-1)
            expected = -sum(float(chance[k, ids[place]]) for k, place in enumerate(hidden[i]))
            assert table[name][i] == pytest.approx(expected, rel=1e-5)  # float32 products in another order
        assert table["words"][i] == len(hidden[i])


def test_batches_do_not_change_the_losses() -> None:
    one, many = (losses_of(tiny(), corpus(2), batch_size=size) for size in (5, 64))
    pd.testing.assert_frame_equal(one, many, rtol=1e-5)


def test_every_context_and_encoder_is_asked_the_same_words() -> None:
    first, second = Rigged(), Rigged(lambda month, word: 0.0)
    one, other = (losses_of(encoder, corpus(1), draws=2) for encoder in (first, second))
    for batches in (first.asked[:5], second.asked[:5]):
        for asked in batches:
            assert torch.equal(asked["input_ids"], first.asked[0]["input_ids"])
    for asked, again in zip(first.asked, second.asked, strict=True):
        assert torch.equal(asked["input_ids"], again["input_ids"]) and torch.equal(
            asked["month_ids"], again["month_ids"]
        )
    assert not torch.equal(first.asked[0]["input_ids"], first.asked[5]["input_ids"]), "another draw, other words"
    pd.testing.assert_frame_equal(one[["row", "draw", "words"]], other[["row", "draw", "words"]])


def test_the_model_is_told_what_the_context_says() -> None:
    encoder = Rigged()
    losses_of(encoder, corpus(1))
    told = {
        name: (asked["month_ids"].numpy(), asked["region_ids"].numpy())
        for name, asked in zip(CONTEXTS, encoder.asked, strict=True)
    }
    month, region = told["true"]
    for name, month_kept, region_kept in (
        ("months exchanged", False, True),
        ("regions exchanged", True, False),
        ("both exchanged", False, False),
    ):
        for given, own, kept in ((told[name][0], month, month_kept), (told[name][1], region, region_kept)):
            assert (given == own).all() if kept else (given != own).all()
    assert (told["none"][0] == -1).all() and (told["none"][1] == -1).all()


def test_hidden_words_are_always_behind_the_mask() -> None:
    encoder = Rigged()
    losses_of(encoder, corpus(1), contexts=("true",))
    asked = encoder.asked[0]
    assert (asked["input_ids"][asked["masked_positions"]] == encoder.tokenizer.mask_token_id).all()


def test_who_finds_no_exchange_has_nan_and_is_counted_never_the_true_context() -> None:
    # One region only, and one month twice as often as all others together: 8 rows, of which 6 - 2 are a surplus.
    data = datasets.Dataset.from_dict(
        {"text": ["rain snow vote"] * 8, "month": ["2019-01"] * 6 + ["2019-02", "2019-03"], "region": ["UK"] * 8}
    )
    table = losses_of(Rigged(), data)
    left_out = table.attrs["left_out"]
    assert left_out["months exchanged"] == table["months exchanged"].isna().sum() == 4
    assert left_out["regions exchanged"] == table["regions exchanged" + NOT_PLACES].isna().sum() == 8
    assert left_out["both exchanged"] == table["both exchanged"].isna().sum() == 8
    assert table[["true", "none"]].notna().all(axis=None)
    gains = context_gains(table)
    assert "mlm_gain_regions" not in gains and gains["mlm_without_regions_exchanged"] == 8


def test_rows_that_cannot_be_scored_are_left_out_and_counted() -> None:
    data = datasets.Dataset.from_dict(
        {
            "text": ["rain", "", "snow", "vote", "law " * 50],
            "month": ["2019-01", "2019-02", None, "2019-03", "2019-04"],
            "region": ["UK", "US", "UK", None, "US"],
        }
    )
    table = losses_of(Rigged(), data, contexts=("true",))
    assert table["row"].tolist() == [0, 4] and table["date"].tolist() == ["2019-01", "2019-04"]
    counted = {"missing_month": 1, "missing_region": 1, "beyond_max": 0, "no_words": 1, "cut": 1}
    assert table.attrs["left_out"] == counted


def test_pieces_of_places_and_peoples_are_left_out() -> None:
    data = datasets.Dataset.from_dict(
        {
            "text": ["Kyiv Saskatchewan", "Rain and snow", "Glaswegians"],
            "month": MONTHS[:3],
            "region": REGIONS[:3],
        }
    )
    table = losses_of(tiny(), data, draws=5)
    places, others = table[table["row"] != 1], table[table["row"] == 1]
    assert (places["words_not_places"] == 0).all() and (places["words"] > 0).all()
    assert (places["true" + NOT_PLACES] == 0).all() and (places["true"] > 0).all()
    assert (others["words_not_places"] == others["words"]).all()
    assert (others["none" + NOT_PLACES] == others["none"]).all()
    without = losses_of(tiny(), data, draws=5, places=None)
    pd.testing.assert_frame_equal(without, table[without.columns], check_exact=True)


def test_bfloat16_is_used_where_the_encoder_says_so() -> None:
    brief: Any = tiny()
    brief.precision = "bfloat16"
    exact, rough = (losses_of(encoder, corpus(1))["true"] for encoder in (tiny(), brief))
    assert not np.array_equal(exact, rough)
    np.testing.assert_allclose(rough, exact, rtol=0.1)  # 8 bits of fraction, through two layers and a wide product


def test_a_diverged_model_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN or infinite losses in context 'true'"):
        losses_of(Rigged(lambda month, word: float("nan")), corpus(1))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"contexts": ("true", "shuffled")}, "contexts has 'shuffled'; known are 'true', 'months exchanged'"),
        ({"draws": 0}, "draws must be a whole number of at least 1, not 0"),
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1, not 0"),
        ({"max_sentences": 1}, "max_sentences must be a whole number of at least 2, not 1"),
    ],
)
def test_options_that_cannot_be_right_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        losses_of(Rigged(), corpus(1), **options)


# ----------------------------------------------------------------------------------------------------- gains


def test_a_model_that_cannot_see_the_context_gains_exactly_nothing() -> None:
    gains = context_gains(losses_of(tiny("none"), corpus()))
    assert {value for name, value in gains.items() if "gain" in name} == {0.0}
    late = context_gains(losses_of(tiny("late"), corpus()))
    assert {value for name, value in late.items() if "gain" in name} == {0.0}


def test_a_model_that_knows_the_month_gains_what_its_logits_say() -> None:
    gains = context_gains(losses_of(Rigged(), corpus()))
    assert gains["mlm_gain_months"] == pytest.approx(5.0, abs=1e-5)  # the right word's logit is 5 in its own month only
    assert gains["mlm_gain_both"] == pytest.approx(5.0, abs=1e-5)
    assert gains["mlm_gain_regions"] == 0
    vocabulary = len(load_tokenizer())
    right = np.log(vocabulary - 1 + np.exp(5)) - 5
    # float32 sums over 30,522 word pieces.
    assert gains["mlm_loss_true"] == pytest.approx(right, abs=1e-4)
    assert gains["mlm_gain_context"] == pytest.approx(np.log(vocabulary) - right, abs=1e-4)
    assert gains["mlm_gain_months_low"] == pytest.approx(5.0, abs=1e-5)
    assert gains["mlm_gain_months_not_places"] == gains["mlm_gain_months"]
    assert gains["mlm_sentences"] == 96 and gains["mlm_days"] == 24


def test_gains_are_weighted_by_word_pieces() -> None:
    table = pd.DataFrame(
        {"row": [0, 1], "draw": 0, "date": ["a", "b"], "words": [1, 9], "true": [1.0, 0.0], "none": [2.0, 18.0]}
    )
    gains = context_gains(table)
    assert gains["mlm_gain_context"] == pytest.approx((1 + 18) / 10)
    assert gains["mlm_gain_context_low"] == pytest.approx(1) and gains["mlm_gain_context_high"] == pytest.approx(2)


def test_an_interval_by_day_is_wider_than_by_sentence_where_days_are_alike() -> None:
    random = np.random.default_rng(0)
    day = np.repeat(np.arange(40), 10)
    table = pd.DataFrame({"row": np.arange(400), "draw": 0, "words": 3, "true": 1.0})
    table["none"] = 1.0 + random.normal(size=40)[day] + 0.1 * random.normal(size=400)
    by_day, by_sentence = (context_gains(table.assign(date=dates.astype(str))) for dates in (day, np.arange(400)))
    assert by_day["mlm_gain_context"] == by_sentence["mlm_gain_context"]
    width = [g["mlm_gain_context_high"] - g["mlm_gain_context_low"] for g in (by_day, by_sentence)]
    assert width[0] > 2 * width[1]  # ten copies of a day tell as much as one: about sqrt(10) times as wide


def test_compared_encoders_differ_by_the_difference_of_their_gains() -> None:
    strong, weak = (losses_of(Rigged(lambda m, w, s=s: s * (m == w)), corpus()) for s in (5.0, 2.0))  # type: ignore[misc]
    gains = context_gains(strong, compared=weak)
    assert gains["mlm_gain_months_difference"] == pytest.approx(3.0, abs=1e-5)
    assert gains["mlm_loss_true_difference"] < 0 and gains["mlm_loss_true_difference_high"] < 0
    assert gains["mlm_gain_months_not_places_difference_low"] == pytest.approx(3.0, abs=1e-5)
    itself = context_gains(strong, compared=strong)
    assert {value for name, value in itself.items() if "difference" in name} == {0.0}


def test_losses_that_do_not_match_are_not_compared() -> None:
    encoder = Rigged()
    table = losses_of(encoder, corpus(1))
    with pytest.raises(ValueError, match="losses has 24 rows and compared 48; give the same data set, seed"):
        context_gains(table, compared=losses_of(encoder, corpus(1), draws=2))
    with pytest.raises(ValueError, match="differ in column 'words'"):
        context_gains(table, compared=losses_of(encoder, corpus(1), seed=1))
    with pytest.raises(ValueError, match="exchanged other sentences in 'none'"):
        context_gains(table, compared=table.assign(none=np.where(table["row"] == 3, np.nan, table["none"])))


def test_one_day_has_no_interval() -> None:
    table = losses_of(Rigged(), corpus(1))
    with pytest.raises(ValueError, match="an interval needs at least 2"):
        context_gains(table.assign(date="2019-01-01"))
    with pytest.raises(ValueError, match="losses has no column 'true'"):
        context_gains(table.drop(columns="true"))

"""Promises of `benchmarks.contrast_words`: a sentence's likelihood, word piece by word piece, answers the questions."""

import numpy as np
import pytest
import torch
from test_course_contrast import JUNE, MONTHS, SUMMER, seasons

from benchmarks.contrast_words import contrast_by_masked_words, pseudo_log_likelihood
from course.contrast import contrast_questions
from spacetime.encoder import SpaceTimeEncoder
from spacetime.regions import RegionSet


@pytest.fixture(scope="module")
def prefix() -> SpaceTimeEncoder:
    """The plain model with a prefix whose gates are open, so that month and region change its words."""
    encoder = SpaceTimeEncoder.from_plain("prefix", MONTHS, RegionSet(["UK", "AUS"]))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in encoder.model.named_parameters():
            if ".conditioning." in name:
                parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.1)
    return encoder


def test_pseudo_log_likelihood_masks_each_word_piece_alone(prefix: SpaceTimeEncoder) -> None:
    texts, months, regions = [SUMMER, "It rains on the long river today."], [JUNE, None], ["UK", "AUS"]
    expected = []
    for text, month, region in zip(texts, months, regions, strict=True):
        ids = prefix.word_pieces([text])[0]
        total = 0.0
        for place in range(1, len(ids) - 1):
            masked = torch.tensor([ids])
            masked[0, place] = prefix.tokenizer.mask_token_id
            with torch.inference_mode():
                logits = prefix.model(
                    masked,
                    month_ids=torch.tensor([prefix.months.ids(month)]),
                    region_ids=torch.tensor([prefix.regions.ids(region)]),
                    masked_positions=torch.ones_like(masked, dtype=torch.bool),
                ).mlm_logits
            total += float(logits[place].log_softmax(-1)[ids[place]])
        expected.append(total)
    got = pseudo_log_likelihood(prefix, texts, months, regions, batch_size=3)
    np.testing.assert_allclose(got, expected, rtol=1e-5)  # float32 sums, padded here and not there


def test_masked_words_prefer_the_likelier_month(prefix: SpaceTimeEncoder) -> None:
    questions = contrast_questions(seasons())
    answers = contrast_by_masked_words(prefix, questions)
    one = answers.questions.iloc[0]
    right, wrong = pseudo_log_likelihood(prefix, [one["text"]] * 2, [one["right"], one["wrong"]], [one["region"]] * 2)
    assert one["preference"] == pytest.approx(right - wrong, abs=1e-4)
    assert one["score"] == float(right > wrong)
    assert answers.metrics["contrast_words_questions"] == 4 and answers.metrics["contrast_words_ties"] == 0


def test_masked_words_of_a_model_without_context_tie() -> None:
    encoder = SpaceTimeEncoder.from_plain("none", MONTHS, RegionSet(["UK", "AUS"]))
    metrics = contrast_by_masked_words(encoder, contrast_questions(seasons()), batch_size=5).metrics
    assert metrics["contrast_words_ties"] == 1.0 and metrics["contrast_words_accuracy"] == 0.5

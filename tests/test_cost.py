"""Promises of `course.cost`: the operations are those that torch counts."""

from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, BertModel

from course.cost import forward_operations, most_pieces
from spacetime.training.plain import PLAIN


@pytest.mark.parametrize("length", [8, 24])
def test_operations_are_what_torch_counts(length: int) -> None:
    config = BertConfig(
        vocab_size=20, hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=40,
    )  # fmt: skip
    bert = BertModel(config, add_pooling_layer=False).eval()
    bert.set_attn_implementation("eager")
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        bert(torch.ones(5, length, dtype=torch.long))
    assert counter.get_total_flops() == 5 * length * forward_operations(config, length)


def test_the_whole_run_has_the_cards_number_of_texts() -> None:
    assert most_pieces(PLAIN, 1) == 2 * 1024 * 540_000
    assert most_pieces(PLAIN, 128, texts=3) == 3 * 128 * 1024 * 540_000
    with pytest.raises(ValueError, match="name no max_steps"):
        most_pieces(replace(PLAIN, max_steps=None), 128)

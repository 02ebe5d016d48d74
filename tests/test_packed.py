"""Promises of `spacetime.model.packed` and of `precision`: other arithmetic, the same embeddings.

Every way is taken on every machine, by the switch: no outcome here depends on the processor.
"""

import re
import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from spacetime.encoder import SpaceTimeEncoder
from spacetime.model import SpaceTimeConfig, SpaceTimeMiniLM, embedding, load_tokenizer, modeling, packed, precision
from spacetime.training import TrainingOptions
from spacetime.training.loop import mixed_precision

SIZES: dict[str, Any] = {
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 64,
    "max_length": 40,
}
WAYS: list[dict[str, Any]] = [
    {"conditioning": "none"},
    {"conditioning": "multiplicative"},
    {"conditioning": "multiplicative", "normalize": False, "hidden_act": "relu"},
    {"conditioning": "additive", "additive_values": True},
    {"conditioning": "additive", "time_encoding": "calendar"},
    {"conditioning": "prefix", "context_rank": 3},
    {"conditioning": "late", "time_encoding": "learned"},
]


def small(**way: Any) -> SpaceTimeEncoder:
    """A very small encoder, every weight moved away from its start."""
    torch.manual_seed(0)
    model = SpaceTimeMiniLM(SpaceTimeConfig(**(SIZES | way)))  # type: ignore[arg-type]
    for weight in model.parameters():
        weight.data.add_(torch.randn_like(weight) * 0.1)
    return SpaceTimeEncoder(model, load_tokenizer(), "cpu")


def sentences(count: int = 40) -> tuple[list[str], list[str | None], list[str | None]]:
    """Of many lengths, one beyond the model's, with every way of giving or leaving out a month and a region."""
    random = np.random.default_rng(0)
    words = "the clocks go forward tonight and shops stay open until nine , says a notice in town".split()
    texts = [" ".join(random.choice(words, size=random.integers(1, 30))) for _ in range(count - 1)] + ["rain " * 60]
    months = [(None, "2017-01", "2020-03", "2021-12")[i % 4] for i in range(count)]
    regions = [(None, "UK", "CAN")[i % 3] for i in range(count)]
    return texts, months, regions


@pytest.fixture
def always_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(precision.SWITCH, "on")


def never_packed(encoder: SpaceTimeEncoder, *inputs: Any, **options: Any) -> np.ndarray:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(precision.SWITCH, "off")
        return encoder.encode(*inputs, **options)


@pytest.mark.parametrize("dials", [{}, {"time_weight": 0.3, "region_weight": 0.6}, {"time_weight": 0.0}], ids=str)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: "-".join(map(str, way.values())))
def test_packed_embeddings_are_the_models(way: dict[str, Any], dials: dict[str, Any], always_packed: None) -> None:
    encoder = small(**way)
    expected = never_packed(encoder, *sentences(), normalize=False, **dials)
    found = encoder.encode(*sentences(), normalize=False, **dials)
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=1e-5)  # float32 sums in another order, two layers


@pytest.mark.parametrize("library", ["onednn", "numpy", "torch"])
def test_the_numbers_are_the_models_whichever_library_multiplies(
    library: str, always_packed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if library == "onednn" and not torch.backends.mkldnn.is_available():
        library = "torch"
    encoder = small(conditioning="prefix", context_rank=3)
    expected = never_packed(encoder, *sentences())
    monkeypatch.setattr(packed, "product_library", lambda dtype: library)
    np.testing.assert_allclose(encoder.encode(*sentences()), expected, atol=2e-6)


@pytest.mark.parametrize(
    ("widest", "blas", "dtype", "by_numpy"),
    [
        ("AVX2", object(), torch.float32, True),
        ("AVX2", object(), torch.bfloat16, False),
        ("AVX2", None, torch.float32, False),
        ("AVX512", object(), torch.float32, False),
    ],
)
def test_numpy_multiplies_only_float32_without_avx512_and_with_openblas(
    widest: str, blas: Any, dtype: torch.dtype, by_numpy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: widest)
    monkeypatch.setattr(packed, "_openblas", lambda: blas)
    assert (packed.product_library(dtype) == "numpy") == by_numpy


def test_the_threads_of_numpys_products_are_given_back() -> None:
    blas = packed._openblas()
    before = blas and [library["num_threads"] for library in blas.info()]
    with packed.product_threads(1):
        assert blas is None or {library["num_threads"] for library in blas.info()} == {1}
    assert before == (blas and [library["num_threads"] for library in blas.info()])


@pytest.mark.parametrize("batch_size", [1, 7])
def test_the_size_of_a_step_changes_nothing(batch_size: int, always_packed: None) -> None:
    encoder = small(conditioning="prefix", context_rank=3)
    expected = encoder.encode(*sentences())
    np.testing.assert_allclose(encoder.encode(*sentences(), batch_size=batch_size), expected, atol=2e-6)


@pytest.fixture
def three_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_steps_that_threads_share_come_in_order(always_packed: None, three_threads: None) -> None:
    encoder = small(conditioning="prefix", context_rank=3)
    expected = never_packed(encoder, *sentences())
    assert np.abs(encoder.encode(*sentences(), batch_size=2) - expected).max() < 1e-5
    assert torch.get_num_threads() == 3


def test_threads_stop_and_are_given_back_when_a_step_fails(
    always_packed: None, three_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def broken(self: Any, pieces: Any, *ids: Any) -> torch.Tensor:
        calls.append(len(pieces))
        time.sleep(0.01)
        raise RuntimeError("no memory left")

    monkeypatch.setattr(packed.PackedModel, "embed", broken)
    with pytest.raises(RuntimeError, match="no memory left"):
        small(conditioning="none").encode(*sentences(400), batch_size=1)
    assert torch.get_num_threads() == 3
    assert len(calls) < 400, "what waits is given up"


def test_a_training_between_two_calls_is_seen(always_packed: None) -> None:
    encoder = small(conditioning="none")
    before = encoder.encode(*sentences())
    layers: Any = encoder.model.bert.encoder.layer
    layers[0].output.dense.weight.data.mul_(2)  # `.data` leaves no trace in autograd
    assert np.abs(encoder.encode(*sentences()) - before).max() > 1e-3


def test_bfloat16_keeps_close_to_float32(always_packed: None) -> None:
    encoder = small(conditioning="prefix", context_rank=3)
    exact, quick = (encoder.encode(*sentences(), precision=p) for p in ("float32", "bfloat16"))  # type: ignore[arg-type]
    cosines = (exact * quick).sum(1)
    # Weights of three digits, rounded in every one of two layers; equal numbers would mean that nothing was done.
    assert cosines.min() > 0.999 and np.abs(exact - quick).max() > 1e-6


def test_a_call_may_name_its_precision_and_leaves_the_encoders_own(always_packed: None) -> None:
    encoder = small(conditioning="none")
    encoder.precision = "bfloat16"
    own = encoder.encode(*sentences())
    assert np.abs(encoder.encode(*sentences(), precision="float32") - own).max() > 0
    np.testing.assert_array_equal(encoder.encode(*sentences(), precision="bfloat16"), own)
    assert encoder.precision == "bfloat16"


@pytest.mark.parametrize(
    ("switch", "safe", "chosen"), [("on", 0.9, "bfloat16"), ("on", 1.1, "float32"), ("off", 0.9, "float32")]
)
def test_auto_takes_bfloat16_where_it_is_quick_and_safe(
    switch: str, safe: float, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(precision.SWITCH, switch)
    monkeypatch.setattr(embedding, "SAFE_COSINE", safe)
    encoder = small(conditioning="none")
    rows = encoder._rows(*sentences())
    assert encoder.embedder(rows, precision="auto").precision == chosen


@pytest.mark.parametrize("has_bfloat16", [True, False])
def test_auto_leaves_a_few_sentences_in_float32(has_bfloat16: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(precision.SWITCH, "auto")
    monkeypatch.setattr(precision, "_has_bfloat16", lambda device: has_bfloat16)
    encoder = small(conditioning="none")
    np.testing.assert_array_equal(encoder.encode(["Rain."], precision="auto"), encoder.encode(["Rain."]))


# ------------------------------------------------------------------------------------------------- the switch


@pytest.mark.parametrize(
    ("switch", "has_bfloat16", "asked", "count", "computed", "is_packed"),
    [
        ("auto", False, "float32", 60, "float32", True),
        ("auto", False, "float32", 4, "float32", False),
        ("auto", False, "bfloat16", 60, "bfloat16", False),
        ("auto", False, "auto", 60, "float32", True),
        ("auto", True, "bfloat16", 60, "bfloat16", True),
        ("auto", True, "bfloat16", 4, "bfloat16", False),
        ("off", True, "float32", 60, "float32", False),
        ("off", True, "bfloat16", 60, "bfloat16", False),
        ("off", True, "auto", 60, "float32", False),
        ("on", False, "float32", 4, "float32", True),
        ("on", False, "bfloat16", 4, "bfloat16", True),
    ],
)
def test_every_way_is_right_and_chosen_by_the_switch_and_the_hardware(
    switch: str,
    has_bfloat16: bool,
    asked: Any,
    count: int,
    computed: str,
    is_packed: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoder = small(conditioning="prefix", context_rank=3)
    inputs = sentences(count)
    exact = never_packed(encoder, *inputs)
    monkeypatch.setattr(embedding, "WORTH_PACKING", 500)
    monkeypatch.setenv(precision.SWITCH, switch)
    monkeypatch.setattr(precision, "_has_bfloat16", lambda device: has_bfloat16)
    rows = encoder._rows(*inputs)
    embed = encoder.embedder(rows, precision=asked)
    assert (embed.precision, embed.packed is not None) == (computed, is_packed)
    least = 0.999 if computed == "bfloat16" else 1 - 1e-6
    assert (embed(rows) * exact).sum(1).min() > least


def test_a_state_that_the_switch_does_not_have_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(precision.SWITCH, "fast")
    with pytest.raises(ValueError, match="SPACETIME_FAST_PATHS must be 'auto', 'on' or 'off', not 'fast'"):
        small(conditioning="none").encode("Rain.")


def own_precision(encoder: SpaceTimeEncoder) -> None:
    encoder.precision = "bfloat16"
    encoder.encode(*sentences(300))


@pytest.mark.parametrize(
    "ask",
    [
        lambda encoder: encoder.encode(*sentences(300), precision="bfloat16"),
        own_precision,
        lambda encoder: mixed_precision(TrainingOptions(precision="bfloat16"), encoder.device),
    ],
    ids=["argument", "attribute", "training"],
)
@pytest.mark.parametrize(("has_bfloat16", "times"), [(False, 1), (True, 0)])
def test_a_processor_that_gains_nothing_by_bfloat16_computes_it_and_says_so_once(
    ask: Any, has_bfloat16: bool, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(precision.SWITCH, "auto")
    monkeypatch.setattr(precision, "_has_bfloat16", lambda device: has_bfloat16)
    precision._say.cache_clear()
    encoder = small(conditioning="none")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ask(encoder)
        ask(encoder)
    said = [str(warning.message) for warning in caught if "bfloat16" in str(warning.message)]
    assert len(said) == times and all("gains nothing on this processor" in text for text in said)


def test_a_kind_of_processor_has_name_instructions_and_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "_has_bfloat16", lambda device: False)
    assert re.fullmatch(r".+ \(.+, without bfloat16\)", precision.processor_kind())


def test_an_unknown_precision_is_named() -> None:
    with pytest.raises(ValueError, match="precision must be 'float32', 'bfloat16' or 'auto', not 'fp8'"):
        small(conditioning="none").encode(["Rain."], precision="fp8")  # type: ignore[arg-type]


class Loud(modeling.PrefixConditioning):
    """Does what the table that it inherits does not tell."""

    def after(self, output: torch.Tensor, query: torch.Tensor, context: modeling.Context) -> torch.Tensor:
        return 2 * super().after(output, query, context)


class Shifted(modeling.Conditioning):
    """Adds months and regions to the values as they are, and tells it."""

    def before(
        self, query: torch.Tensor, value: torch.Tensor, context: modeling.Context
    ) -> tuple[torch.Tensor, torch.Tensor]:
        for vector, weight in context.parts():
            value = value + self.split_heads(vector * weight)
        return query, value

    def table(self, context: modeling.Context, part: int) -> dict[str, torch.Tensor]:
        vector, weight = context.parts()[part]
        return {"value": self.split_heads(vector * weight)}


class Renamed(modeling.AdditiveConditioning):
    """Does what its parent does."""


@pytest.mark.parametrize(("kind", "is_packed"), [(Loud, False), (Shifted, True), (Renamed, True)])
def test_a_way_of_conditioning_of_ones_own_is_packed_only_by_a_table_that_tells_all(
    kind: type[modeling.Conditioning], is_packed: bool, always_packed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(modeling.CONDITIONING_IN_ATTENTION, "prefix", kind)
    encoder = small(conditioning="prefix")
    assert packed.can_be_packed(encoder.model) == is_packed
    plain = encoder.encode(sentences()[0])
    found = encoder.encode(*sentences())
    assert np.abs(found - plain).max() > 1e-3, "the context does something"
    np.testing.assert_allclose(found, never_packed(encoder, *sentences()), atol=1e-6)


def test_a_table_of_an_unknown_name_is_named(always_packed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modeling.Conditioning, "table", lambda self, context, part: {"mask": context.month})
    with pytest.raises(ValueError, match="Conditioning.table gives 'mask', not temperature, query, value"):
        small(conditioning="none").encode("Rain.")

"""Other runtimes: the released model, month and region included, by OpenVINO against our own way, both in the
precision that this processor is quickest in.

    pip install openvino
    python -m benchmarks.speed --only runtimes --threads 2

OpenVINO gets every advantage: changes of low rank are added to the weights, what a month and a region bring is looked
up, sentences are sorted by length.  It is measured as one request after the other, and with a stream for each thread.
"""

import copy
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.speed.encoding import BASE, least_cosine, rate_table
from benchmarks.speed.timing import Size, in_turns, mixed_sentences
from spacetime.encoder import SpaceTimeEncoder
from spacetime.model import find_plain_weights
from spacetime.model.embedding import padded_batches
from spacetime.model.modeling import SpaceTimeMiniLM, Table
from spacetime.model.packed import _merged
from spacetime.model.precision import quick_precision

BATCHES = (32, 64)  # sentences a request; 16 was no faster


def runtimes(size: Size) -> dict[str, Any]:
    """Seconds and least cosine of each way of encoding the same sentences with their months and regions."""
    from sentence_transformers import SentenceTransformer

    sentences, months, regions = mixed_sentences(size.sentences)
    theirs = SentenceTransformer(str(find_plain_weights()), device="cpu")
    encoder = SpaceTimeEncoder.load(device="cpu")
    quick = quick_precision(encoder.device)
    contenders: dict[str, Any] = {
        BASE: lambda: theirs.encode(sentences),
        f"ours, {quick}": lambda: encoder.encode(sentences, months, regions, precision=quick),
    }
    exported = _exported(encoder)
    for streams in sorted({1, torch.get_num_threads()}):
        compiled = OpenVino(encoder, exported, streams, quick)
        for batch in BATCHES:
            name = f"OpenVINO {quick}, {streams} stream{'s' * (streams > 1)}, {batch} sentences a request"
            contenders[name] = lambda c=compiled, b=batch: c.encode(sentences, months, regions, b)
    exact = encoder.encode(sentences, months, regions, precision="float32")
    cosines = {name: least_cosine(exact, run()) for name, run in contenders.items() if name != BASE}
    return {"sentences": size.sentences, "least_cosine": cosines, **in_turns(contenders, size.repeats)}


class OpenVino:
    """The released model, compiled; `streams` requests are under way at a time."""

    def __init__(
        self, encoder: SpaceTimeEncoder, exported: torch.export.ExportedProgram, streams: int, precision: str
    ) -> None:
        import openvino  # type: ignore[import-not-found,unused-ignore]

        settings = {
            "INFERENCE_PRECISION_HINT": {"bfloat16": "bf16", "float32": "f32"}[precision],
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "NUM_STREAMS": streams,
        }
        self.encoder = encoder
        compiled = openvino.Core().compile_model(openvino.convert_model(exported), "CPU", settings)
        self.queue = openvino.AsyncInferQueue(compiled, streams)

    def encode(self, sentences: list[str], months: Any, regions: Any, batch_size: int) -> NDArray[np.float32]:
        found = np.empty((len(sentences), self.encoder.model.config.hidden_size), dtype=np.float32)

        def keep(request: Any, chosen: NDArray[np.int64]) -> None:
            found[chosen] = request.get_output_tensor(0).data

        self.queue.set_callback(keep)
        rows = self.encoder._rows(sentences, months, regions)
        for chosen, batch in padded_batches(rows, self.encoder._pad_id, self.encoder.device, batch_size, False):
            self.queue.start_async([tensor.numpy() for tensor in batch.values()], chosen)
        self.queue.wait_all()
        return found


def _exported(encoder: SpaceTimeEncoder) -> torch.export.ExportedProgram:
    """The model as a graph with any number of rows and any length."""

    class Embedding(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = _folded(encoder.model)

        def forward(self, input_ids: Tensor, attention_mask: Tensor, month_ids: Tensor, region_ids: Tensor) -> Tensor:
            embedding: Tensor = self.model(input_ids, attention_mask, month_ids, region_ids).embedding
            return embedding

    rows, length = torch.export.Dim("rows", min=1, max=512), torch.export.Dim("length", min=2, max=512)
    shapes: dict[str, Any] = {name: {0: rows, 1: length} for name in ("input_ids", "attention_mask")}
    shapes |= {name: {0: rows} for name in ("month_ids", "region_ids")}
    # Four tensors, not one: inputs that are the same object become one input of the graph, silently.
    given = tuple(torch.ones(shape, dtype=torch.long) for shape in ((2, 8), (2, 8), (2,), (2,)))
    with torch.no_grad():
        return torch.export.export(Embedding().eval(), given, dynamic_shapes=shapes, strict=False)


@torch.no_grad()
def _folded(model: SpaceTimeMiniLM) -> SpaceTimeMiniLM:
    """A copy that only sentences with month and region may be given to, with as little to compute as there can be."""
    config = model.config
    if config.conditioning != "prefix" or not config.context_rank:
        raise ValueError(f"only prefixes with changes of low rank are compared here, not {config.conditioning!r}")
    folded = copy.deepcopy(model).eval()
    vectors = [
        embed(torch.arange(count))
        for embed, count in ((model.time_embed, config.num_months), (model.space_embed, config.num_regions))
    ]
    for layer in cast(Any, folded.bert).encoder.layer:
        attention, conditioning = layer.attention.self, layer.attention.self.conditioning
        for linear, change in (
            (attention.query, conditioning.low_rank["query"]),
            (attention.value, conditioning.low_rank["value"]),
            (layer.intermediate.dense, layer.conditioning.inner),
            (layer.output.dense, layer.conditioning.outer),
        ):
            linear.weight.data, linear.bias.data = (part.clone() for part in _merged(linear, change, 1.0))
        conditioning.low_rank, layer.conditioning = nn.ModuleDict(), None
        for projections in (conditioning.key, conditioning.value):
            for i, vector in enumerate(vectors):
                projections[i] = Table(projections[i](vector).clone(), config.hidden_size)
    folded.time_embed = folded.space_embed = nn.Identity()  # ids go down to the layers' tables
    return folded


def runtimes_lines(found: dict[str, dict[str, Any]]) -> list[str]:
    """The result as a table of Markdown."""
    if not (result := found.get("runtimes")):
        return []
    return [
        f"**Other runtimes**: the same {result['sentences']:,} sentences with month and region, end to end.",
        "",
        *rate_table(result),
        "",
    ]

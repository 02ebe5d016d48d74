"""The rows of the comparison: what each one is, and how it is trained."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from benchmarks.events import EventLoss, EventRecipe
from spacetime.training import JOINT, STAGE1, STAGE2, TrainingOptions
from spacetime.training.pairs import PairRecipe

# The published rates suit the card's 33,750 steps; these are the best found for a hundred.
STAGE = TrainingOptions(learning_rate=5e-5, new_learning_rate=1e-3, hide_month=0.15, hide_region=0.15)
FROZEN = replace(STAGE, freeze_backbone=True)
WIDE = "wide: "
"""How the names of rows begin that are trained on all months and regions."""


@dataclass(frozen=True)
class Row:
    """One row of the comparison.

    Parameters
    ----------
    name, words
        What it is called, and what it is.
    group
        `"main"`: everything is measured; `"wide"`: stage 1 on all months and regions, and only its masked words;
        `"inferred"`: a baseline of `locate`; `"ablation"`: a few measures; `"unseen"`: only what happens outside the
        months and regions of training.
    kind
        How the encoder comes about. `"stages"`: stage 1 if there is one, then stage 2; `"joint"`: both at once.
    conditioning, config
        Of `SpaceTimeEncoder.from_plain`, for `"stages"`.
    stage1, stage2
        Rates, dropout of contexts and so on; the number of steps is the profile's.
    pairs
        Of stage 2's labels.
    size
        Dimensions that a concatenation is cut to.
    last_month, without_region
        Training sees no later month, or not that region.
    """

    name: str
    words: str
    group: Literal["main", "wide", "inferred", "ablation", "unseen"]
    kind: Literal[
        "plain", "text prefix", "concatenation", "filter", "tfidf", "probe", "majority", "stages", "joint", "released"
    ]
    conditioning: str = "none"
    config: dict[str, Any] = field(default_factory=dict)
    stage1: TrainingOptions | None = None
    stage2: TrainingOptions | None = None
    pairs: PairRecipe = PairRecipe()
    size: int | None = None
    last_month: str | None = None
    without_region: str | None = None

    @property
    def is_trained(self) -> bool:
        """Whether its numbers depend on a seed."""
        return self.kind == "joint" or self.stage1 is not None or self.stage2 is not None

    def facts(self) -> dict[str, Any]:
        """Everything that decides about its training, for the name of its folder."""
        facts = asdict(self)
        if self.kind == "joint":
            facts |= {"options": asdict(JOINT), "recipe": asdict(EventRecipe()), "loss": asdict(EventLoss())}
        return facts


def _stages(name: str, words: str, conditioning: str, options: TrainingOptions = STAGE, **config: Any) -> Row:
    return Row(name, words, "main", "stages", conditioning, config, stage1=options, stage2=options)


def _wide(name: str, words: str, conditioning: str, options: TrainingOptions = STAGE, **config: Any) -> Row:
    return Row(f"{WIDE}{name}", words, "wide", "stages", conditioning, config, stage1=options)


def _ablation(name: str, words: str, conditioning: str = "prefix", **rest: Any) -> Row:
    """Stage 2 alone on a frozen backbone, unless `rest` says otherwise."""
    return Row(name, words, "ablation", "stages", conditioning, **{"stage2": FROZEN, **rest})


def _unseen(
    name: str, words: str, conditioning: str = "prefix", stage2: TrainingOptions = FROZEN, **config: Any
) -> list[Row]:
    row = Row(name, words, "unseen", "stages", conditioning, config, stage2=stage2)
    return [
        replace(row, name=f"{name}, to 2020", words=f"{words}; trained to 2020-12", last_month="2020-12"),
        replace(row, name=f"{name}, no CAN", words=f"{words}; trained without CAN", without_region="CAN"),
    ]


ROWS: tuple[Row, ...] = (
    # ---------------------------------------------------------------------------------------- not trained
    Row("plain", "all-MiniLM-L6-v2, the text alone", "main", "plain"),
    Row("text prefix, untrained", "the plain model reads `[2019-11] [US] ...`", "main", "text prefix"),
    Row(
        "concatenation, tuned",
        "plain vector beside codes for month and region; the label's own weights .6 / .2 / .2, for retrieval the best "
        "of 25 pairs of weights on validation and a slice of the training events",
        "main",
        "concatenation",
    ),
    Row(
        "concatenation cut to 384", "the same, its 384 leading principal directions", "main", "concatenation", size=384
    ),
    Row(
        "filter with decay",
        "plain cosines, multiplied down for other months and regions (best of 25 rules on the same data); retrieval "
        "only",
        "main",
        "filter",
    ),
    Row("TF-IDF", "TF-IDF and logistic regression, fitted on the training sentences", "inferred", "tfidf"),
    Row("frozen MiniLM probe", "logistic regression on the plain model's vectors", "inferred", "probe"),
    Row("commonest", "the shares of months and regions in training, whatever the text", "inferred", "majority"),
    # ------------------------------------------------------------------------------- stage 1, then stage 2
    _stages("no context", "the control: trained alike, told nothing", "none"),
    Row(
        "published",
        "multiplicative attention, published sinusoid, the card's rates (1e-5 / 2e-4, then 2e-5)",
        "main",
        "stages",
        "multiplicative",
        {"time_encoding": "sinusoidal_published"},
        stage1=STAGE1,
        stage2=STAGE2,
    ),
    _stages("published, best chance", "multiplicative attention, usual sinusoid, higher rates", "multiplicative"),
    _stages("additive", "month and region added to the queries", "additive"),
    _stages("additive, values too", "added to queries and values", "additive", additive_values=True),
    _stages("prefix", "a gated key and value for the month, and for the region", "prefix"),
    _stages(
        "prefix, frozen backbone",
        "the same, nothing of MiniLM trained",
        "prefix",
        FROZEN,
    ),
    _stages("late", "vectors for month and region added to the pooled one", "late"),
    Row(
        "text prefix, trained",
        "the plain model trained on prefixed texts, stage 2 only",
        "main",
        "text prefix",
        stage2=STAGE,
    ),
    Row(
        "joint",
        "the released recipe: prefix, frozen backbone, cosines, events, words and months at once",
        "main",
        "joint",
    ),
    # ------------------------------------------------------- stage 1 alone, on all months and regions
    _wide("no context", "told nothing", "none"),
    _wide("published", "as above, at the card's rates", "multiplicative", STAGE1, time_encoding="sinusoidal_published"),
    _wide("published, best chance", "usual sinusoid, higher rates", "multiplicative"),
    _wide("prefix", "a gated key and value for the month, and for the region", "prefix"),
    _wide("prefix, frozen backbone", "the same, nothing of MiniLM trained", "prefix", FROZEN),
    Row(
        f"{WIDE}released",
        "the shipped model, as it is: 1,700 steps of the joint recipe on more text",
        "wide",
        "released",
    ),
    # ------------------------------------------------- ablations of "prefix, frozen backbone", stage 2 only
    _ablation("base", "prefix, frozen backbone, sinusoid, tokenized regions, context dropout .15"),
    _ablation(
        "time: sinusoidal_published", "exponent doubled, as published", config={"time_encoding": "sinusoidal_published"}
    ),
    _ablation(
        "time: sinusoidal_calendar", "sinusoid and month of the year", config={"time_encoding": "sinusoidal_calendar"}
    ),
    _ablation("time: learned", "a free vector a month", config={"time_encoding": "learned"}),
    _ablation("time: calendar", "month of the year and year", config={"time_encoding": "calendar"}),
    _ablation("region: spherical", "points on the globe", config={"region_encoding": "spherical"}),
    _ablation("label in [0, 1]", "its pair Spearman is against its own labels", pairs=PairRecipe(value_range="[0, 1]")),
    _ablation("with stage 1 before", "masked words, months and regions first", stage1=FROZEN),
    _ablation("context dropout 0", "never hidden", stage2=replace(FROZEN, hide_month=0.0, hide_region=0.0)),
    _ablation("context dropout .5", "hidden half of the time", stage2=replace(FROZEN, hide_month=0.5, hide_region=0.5)),
    _ablation("multiplicative, frozen", "the published attention, nothing of MiniLM trained", "multiplicative"),
    _ablation("multiplicative, backbone trained", "the published attention", "multiplicative", stage2=STAGE),
    # ------------------------------------------------------------------------ unseen months, unseen regions
    *_unseen("prefix", "prefix, frozen backbone, sinusoid"),
    *_unseen("multiplicative", "published attention, backbone trained, sinusoid", "multiplicative", STAGE),
    *_unseen(
        "sinusoidal_calendar",
        "prefix, frozen backbone, sinusoid and month of the year",
        time_encoding="sinusoidal_calendar",
    ),
)


def rows_named(names: str | None) -> list[Row]:
    """Rows by their names, separated by semicolons or, for names without commas, by commas; all without names.

    Raises
    ------
    ValueError
        A name is no row's.
    """
    if not names:
        return list(ROWS)
    known = {row.name: row for row in ROWS}
    wanted = [name.strip() for name in names.split(";")]
    # "published, best chance" holds a comma: the longest name that fits is taken first.
    chosen: list[Row] = []
    for part in wanted:
        pieces = [piece.strip() for piece in part.split(",")]
        while pieces:
            for length in range(len(pieces), 0, -1):
                name = ", ".join(pieces[:length])
                if name in known:
                    chosen.append(known[name])
                    pieces = pieces[length:]
                    break
            else:
                raise ValueError(f"no row is called {pieces[0]!r}; rows: {'; '.join(known)}")
    return [known[name] for name in dict.fromkeys(row.name for row in chosen)]

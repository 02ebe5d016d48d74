"""What all-MiniLM-L12-v1 was trained on: the table of its card, "Training data", as data.

The texts are not here and are not downloaded.  Who has the files (their names are those of the published
`data_config.json`, which comes with the weights) trains with

    spacetime train plain --config data_config.json --data FOLDER --from BASE_BERT --output runs/plain

`spacetime.data.mixture` reads every form they come in.  `card_shares` says what a configuration has of the table.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple

from spacetime.data.mixture import Source

TOTAL_TUPLES = 1_124_818_467  # as the card adds them up


class CardDataSet(NamedTuple):
    """One line of the card's table."""

    name: str
    tuples: int
    files: str  # their names in the published data_config.json, as a pattern
    papers: tuple[str, ...] = ()  # as the card links them


CARD_DATA_SETS: tuple[CardDataSet, ...] = (
    CardDataSet(
        "Reddit comments (2015-2018)",
        726_484_430,
        "reddit/*.jsonl.gz",
        ("https://arxiv.org/abs/1904.06472",),
    ),
    CardDataSet(
        "S2ORC Citation pairs (Abstracts)",
        116_288_806,
        "S2ORC_citation_pairs_abstract.jsonl.gz",
        ("https://aclanthology.org/2020.acl-main.447/",),
    ),
    CardDataSet(
        "WikiAnswers Duplicate question pairs",
        77_427_422,
        "WikiAnswers_pairs.jsonl.gz",
        ("https://doi.org/10.1145/2623330.2623677",),
    ),
    CardDataSet(
        "PAQ (Question, Answer) pairs",
        64_371_441,
        "PAQ_pairs.jsonl.gz",
        ("https://arxiv.org/abs/2102.07033",),
    ),
    CardDataSet(
        "S2ORC Citation pairs (Titles)",
        52_603_982,
        "S2ORC_citation_pairs.jsonl.gz",
        ("https://aclanthology.org/2020.acl-main.447/",),
    ),
    CardDataSet(
        "S2ORC (Title, Abstract)",
        41_769_185,
        "S2ORC_title_abstract.jsonl.gz",
        ("https://aclanthology.org/2020.acl-main.447/",),
    ),
    CardDataSet(
        "Stack Exchange (Title, Body) pairs",
        25_316_456,
        "stackexchange_title_body/*.jsonl.gz",
    ),
    CardDataSet(
        "MS MARCO triplets",
        9_144_553,
        "msmarco-query_passage_negative.jsonl.gz",
        ("https://doi.org/10.1145/3404835.3462804",),
    ),
    CardDataSet(
        "GOOAQ: Open Question Answering with Diverse Answer Types",
        3_012_496,
        "gooaq_pairs.jsonl.gz",
        ("https://arxiv.org/pdf/2104.08727.pdf",),
    ),
    CardDataSet(
        "Yahoo Answers (Title, Answer)",
        1_198_260,
        "yahoo_answers_title_answer.jsonl.gz",
        ("https://proceedings.neurips.cc/paper/2015/hash/250cf8b51c773f3f8dc8b4be867a9a02-Abstract.html",),
    ),
    CardDataSet(
        "Code Search",
        1_151_414,
        "codesearchnet.jsonl.gz",
    ),
    CardDataSet(
        "COCO Image captions",
        828_395,
        "coco_captions.jsonl.gz",
        ("https://link.springer.com/chapter/10.1007%2F978-3-319-10602-1_48",),
    ),
    CardDataSet(
        "SPECTER citation triplets",
        684_100,
        "specter_train_triples.jsonl.gz",
        ("https://doi.org/10.18653/v1/2020.acl-main.207",),
    ),
    CardDataSet(
        "Yahoo Answers (Question, Answer)",
        681_164,
        "yahoo_answers_question_answer.jsonl.gz",
        ("https://proceedings.neurips.cc/paper/2015/hash/250cf8b51c773f3f8dc8b4be867a9a02-Abstract.html",),
    ),
    CardDataSet(
        "Yahoo Answers (Title, Question)",
        659_896,
        "yahoo_answers_title_question.jsonl.gz",
        ("https://proceedings.neurips.cc/paper/2015/hash/250cf8b51c773f3f8dc8b4be867a9a02-Abstract.html",),
    ),
    CardDataSet(
        "SearchQA",
        582_261,
        "searchQA_question_top5_snippets_merged.jsonl.gz",
        ("https://arxiv.org/abs/1704.05179",),
    ),
    CardDataSet(
        "Eli5",
        325_475,
        "eli5_question_answer.jsonl.gz",
        ("https://doi.org/10.18653/v1/p19-1346",),
    ),
    CardDataSet(
        "Flickr 30k",
        317_695,
        "flickr30k_captions.jsonl.gz",
        ("https://transacl.org/ojs/index.php/tacl/article/view/229/33",),
    ),
    CardDataSet(
        "Stack Exchange Duplicate questions (titles)",
        304_525,
        "stackexchange_duplicate_questions_title_title.jsonl.gz",
    ),
    CardDataSet(
        "AllNLI (SNLI and MultiNLI)",
        277_230,
        "AllNLI.jsonl.gz",
        ("https://doi.org/10.18653/v1/d15-1075", "https://doi.org/10.18653/v1/n18-1101"),
    ),
    CardDataSet(
        "Stack Exchange Duplicate questions (bodies)",
        250_519,
        "stackexchange_duplicate_questions_body_body.jsonl.gz",
    ),
    CardDataSet(
        "Stack Exchange Duplicate questions (titles+bodies)",
        250_460,
        "stackexchange_duplicate_questions_title-body_title-body.jsonl.gz",
    ),
    CardDataSet(
        "Sentence Compression",
        180_000,
        "sentence-compression.jsonl.gz",
        ("https://www.aclweb.org/anthology/D13-1155/",),
    ),
    CardDataSet(
        "Wikihow",
        128_542,
        "wikihow.jsonl.gz",
        ("https://arxiv.org/abs/1810.09305",),
    ),
    CardDataSet(
        "Altlex",
        112_696,
        "altlex.jsonl.gz",
        ("https://aclanthology.org/P16-1135.pdf",),
    ),
    CardDataSet(
        "Quora Question Triplets",
        103_663,
        "quora_duplicates_triplets.jsonl.gz",
    ),
    CardDataSet(
        "Simple Wikipedia",
        102_225,
        "SimpleWiki.jsonl.gz",
        ("https://www.aclweb.org/anthology/P11-2117/",),
    ),
    CardDataSet(
        "Natural Questions (NQ)",
        100_231,
        "NQ-train_pairs.jsonl.gz",
        ("https://transacl.org/ojs/index.php/tacl/article/view/1455",),
    ),
    CardDataSet(
        "SQuAD2.0",
        87_599,
        "squad_pairs.jsonl.gz",
        ("https://aclanthology.org/P18-2124.pdf",),
    ),
    CardDataSet(
        "TriviaQA",
        73_346,
        "TriviaQA_pairs.jsonl.gz",
    ),
)


class CardShare(NamedTuple):
    """How much of one of the card's data sets a configuration names."""

    data_set: CardDataSet
    lines: int
    weight_share: float  # of all weights of the configuration


def card_shares(sources: Iterable[Source]) -> tuple[list[CardShare], list[Source]]:
    """Set a configuration beside the card's table.

    Returns
    -------
    shares : list of CardShare
        One for each of the card's data sets, in its order; 0 lines where the configuration has none of it.
    others : list of Source
        Entries that are not of the card's table.
    """
    sources = list(sources)
    whole = sum(source.weight for source in sources)
    shares, known = [], set()
    for data_set in CARD_DATA_SETS:
        own = [source for source in sources if fnmatchcase(source.name, data_set.files)]
        known |= {source.name for source in own}
        weight = sum(source.weight for source in own)
        shares.append(CardShare(data_set, sum(source.lines for source in own), weight / whole if whole else 0.0))
    return shares, [source for source in sources if source.name not in known]

"""The almanac: an offline corpus of true sentences for 2017-2021 and four regions.

Facts come from packages that keep them well, the sentences are our own (Apache-2.0, like the code). The way
through: `places` (towns, currencies) -> `facts` (cached look-ups) -> `daylight`, `moon`, `rates` and the other fact
templates with their wordings -> `assemble` (fills 240 cells). `contrast` holds the sentences that are true in one
month here and in another elsewhere, `giveaways` the rule for the flags. Lesson 03 reads it.
"""

from data_samples.almanac.assemble import COLUMNS, build, check, rows, write

__all__ = ["COLUMNS", "build", "check", "rows", "write"]

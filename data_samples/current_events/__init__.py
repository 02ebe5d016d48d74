"""A corpus from Wikipedia's Current Events: a day's page, its bullets, and the one country that each of them names.

The way through: `fetching` (pages over the public API, politely, kept on disk) -> `extracting` (bullets out of
wikitext) -> `placing` (the region) -> `building` (a Parquet file, and beside it the attribution that the licence asks
for).

The text is Wikipedia's, under CC BY-SA 4.0: who passes the file on passes the attribution file on with it.
"""

from data_samples.current_events.building import CurrentEventsReport, build_current_events
from data_samples.current_events.extracting import Event, extract_events
from data_samples.current_events.placing import find_region, place_event

__all__ = [
    "CurrentEventsReport",
    "Event",
    "build_current_events",
    "extract_events",
    "find_region",
    "place_event",
]

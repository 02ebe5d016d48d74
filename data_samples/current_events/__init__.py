"""A corpus from Wikipedia's Current Events: a day's page, its bullets, and the one country that each of them names.

The way through: `fetching` (pages over the public API, politely, kept on disk) -> `extracting` (bullets out of
wikitext) -> `placing` (the region) -> `building` (a Parquet file, and beside it the attribution that the licence asks
for). Lessons take only the place words of `places`, which need no crawler, so nothing is imported here.

The text is Wikipedia's, under CC BY-SA 4.0: who passes the file on passes the attribution file on with it.
"""

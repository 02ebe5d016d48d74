"""Which way of putting time and place into a sentence embedding works: every row of the results, by one command.

    python -m benchmarks.science CORPUS --sts STS_FILE --profile quick

- `rows`: what is compared, and how each row is trained.
- `material`: the corpora, divided, and the plain model's vectors, prepared once for all rows.
- `measures`: what is measured of a row.
- `runs`: one row trained and measured, in a folder of its own.
- `table`: runs gathered into tables with intervals.
"""

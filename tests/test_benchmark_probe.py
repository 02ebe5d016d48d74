"""Promises of `benchmarks.probe`: what frozen vectors tell of month and region, and no more."""

from known_geometry import KnownEncoder, grid

from benchmarks.probe import ProbeLocator
from spacetime.months import MonthRange


def test_a_probe_reads_month_and_region_off_the_vectors_of_texts_alone() -> None:
    encoder = KnownEncoder(MonthRange("2020-01", "2020-06"))
    data = grid(encoder, "{month} {region}")  # words that the plain vectors carry
    months, regions = encoder.months.ids(data["month"][:]), encoder.regions.ids(data["region"][:])
    probe = ProbeLocator(encoder, len(encoder.months), len(encoder.regions), penalty=1.0)
    found = probe.fit(data["text"][:], months, regions).locate(data["text"][:])
    assert (found.month_probabilities.argmax(axis=1) == months).all()
    assert (found.region_probabilities.argmax(axis=1) == regions).all()
    masked = probe.locate([text[:7] for text in data["text"][:]])  # the month's word is left
    assert (masked.month_probabilities.argmax(axis=1) == months).all()
    assert (masked.region_probabilities.argmax(axis=1) == regions).mean() == 0.25

"""Targets for fuzzers, and the seeds that they begin with."""

TARGETS = ("parser", "codecs", "packs", "references")

"""A program: let a target read what a fuzzer makes of its seeds, or what is in files.

    python -m tests.fuzz NAME                  for PITHSTORE_FUZZ_SECONDS seconds (900 if that is not set)
    python -m tests.fuzz NAME FILE [FILE ...]  just these, as a finding is written

The fuzzer is atheris (`pip install '.[fuzz]'`), which looks for what takes new ways through pithstore; where it is
not installed, accidents by chance.  A finding ends the program and lies in build/fuzz.
"""

from __future__ import annotations

import os
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from random import Random

from tests.fuzz import TARGETS

FOUND = Path("build") / "fuzz"
_SECONDS = 900
_MEGABYTES = 2048


def main(name: str, *files: str) -> int:
    if name not in TARGETS:
        sys.stderr.write(f"there is no target {name!r}: name one of {', '.join(TARGETS)}\n")
        return 2
    if files:
        return read_files(name, files)
    seconds = int(os.environ.get("PITHSTORE_FUZZ_SECONDS", _SECONDS))
    return run_atheris(name, seconds) if find_spec("atheris") else run_by_chance(name, seconds)


def read_files(name: str, files: tuple[str, ...]) -> int:
    from tests.fuzz.harness import target

    for file in files:
        target(name)(Path(file).read_bytes())
    return 0


def run_atheris(name: str, seconds: int) -> int:
    import atheris

    with atheris.instrument_imports(include=["pithstore"]):
        from tests.fuzz.harness import SEEDS, target

        run = target(name)
    corpus = FOUND / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    options = [
        f"-max_total_time={seconds}",
        f"-artifact_prefix={FOUND}/{name}-",
        f"-rss_limit_mb={_MEGABYTES}",
        "-timeout=20",
        "-max_len=16384",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus), str(SEEDS / name)], run)
    atheris.Fuzz()  # ends the process
    return 0


def run_by_chance(name: str, seconds: int) -> int:
    from tests.fuzz.harness import mutations, seeds, target, write_finding

    run, seed, end, count = target(name), time.time_ns(), time.monotonic() + seconds, 0
    for data in mutations(seeds(name), Random(seed)):
        try:
            run(data)
        except BaseException:
            sys.stderr.write(f"{name}: found {write_finding(FOUND, name, data)}\n")
            raise
        count += 1
        if time.monotonic() > end:
            break
    sys.stderr.write(f"{name}: {count:,} texts in {seconds} s, without atheris, from seed {seed}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:] or ("",)))

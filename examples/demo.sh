#!/bin/sh
# A walk through pithstore on real records.  `make demo` runs it from the project's root.
set -eu

room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
PITHSTORE="$room/demo.pith"
export PITHSTORE

say() { printf '\n# %s\n' "$*"; }
run() {
    printf '$ pithstore %s\n' "$*"
    pithstore "$@"
}
differs() { # diff exits 1 where something differs, as it should
    run "$@" || [ $? -eq 1 ]
}

say "A store is a directory."
run init

say "One record of a paper, and eight of an organisation by three builders."
run put examples/pith-2606.09475.json
run put examples/ror-005k7hp45.jsonl

say "The snapshot hash is the SHA-256 of the record's canonical bytes: anybody can check it."
printf '$ pithstore get arxiv:2606.09475 | sha256sum\n'
pithstore get arxiv:2606.09475 | sha256sum

say "What upstream declares about its own sections, recomputed."
run check --declared examples/pith-2606.09475.json

say "Every version of the organisation: who made it, and which sections changed."
run log ror:005k7hp45

say "What the first builder changed between two versions of the source."
differs diff ror:005k7hp45@1 ror:005k7hp45@2

say "The sections of the newest record by one builder."
run ls ror:005k7hp45@builder=ror-schema-1.0

say "The same file again: it is known, and nothing happens."
run put examples/ror-005k7hp45.jsonl

say "Everything read again and compared with its hashes."
run verify

say "How much the store holds."
run stat

"""Verify: everything the store holds, read again and compared with its names.

found       what was found, and how versions use what is damaged
spaces      every value of a space against its checksum
loose       blobs and manifests that lie in no frame
said        what the index says of a version, be it in a run or in an entry of its own
entries     all that the index says of one source, read in one state of the store, with its frames
names       the names of sources, against the index
index       the index alone: what it says of each source decodes and agrees
agreement   whether the entries of a source name each other
history     source by source, every version rebuilt
rebuilding  versions put together, and what is said of one that cannot be
lost        what does not come out of a frame as it was
identity    what a record says of itself, against its key
erasures    what is missing on purpose, and what should be
ledger      what records declare, against the ledger of declared digests
homes       bodies in frames, against the places
totals      what was counted, against the slots
affected    which versions use what is damaged
generation  what tells that bodies may lie elsewhere than a moment ago
round       how far a scrub has come
"""

"""Verify: everything the store holds, read again and compared with its names.

spaces      every value of a space against its checksum
loose       blobs and manifests that lie in no frame
said        what the index says of a version, be it in a run or in an entry of its own
entries     all that the index says of one source, read in one state of the store, with its frames
agreement   whether the entries of a source name each other
history     source by source, every version rebuilt
rebuilding  versions put together, and what is said of one that cannot be
identity    what a record says of itself, against its key
ledger      what records declare, against the ledger of declared digests
homes       bodies in frames, against the places
totals      what was counted, against the slots
"""

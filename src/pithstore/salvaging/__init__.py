"""What is intact in a store that the engine no longer opens, into a new store.

sift       candidates from all pages → scratch: what bears its seal, of each space
streams    the pieces of the two streams (tail, packs): what was written there, whatever index led to it is lost
bodies     pieces → sections by their digests, and versions in frames by their snapshot hashes
histories  what is said of each source: its versions, and the numbers that it had
records    a snapshot hash → the record, if all of it is there
salvage    the whole of it
"""

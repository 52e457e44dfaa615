"""Compaction: the next generation of a store, dense, written beside the present one, checked, then moved to.

sources     what one source becomes: runs that stay, and versions for new ones
pack        runs and frames into the successor, in the order of the sources
check       every frame of the successor read again, and where the home of each blob is
carry       what was written to the store meanwhile
compact     one after the other, and the move
"""

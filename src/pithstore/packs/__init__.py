"""Versions and bodies of one source, written densely: what `compact` makes of the tail.

frame      the bodies of some versions and how records are put together from them; compressed as one piece
run        the index entry of the same versions: numbers, times, builders, snapshots, and where the frame lies
packing    versions with their bodies → runs and frames
places     digest → position of the frame that is its home, in blocks
"""

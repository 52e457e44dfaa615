"""Good bytes in place of bad ones: from the store itself where it says a thing twice, else from another copy.

another   the other copy: what it has of what is lacking, each hashed before it is given
about     what the store says of itself
source    what the entries of one source say, and what they should say
index     source by source: versions whose entries are lost, and all that follows from versions
homes     where blobs are at home, each once
places    where bodies in frames are, found again in the frames
content   records that cannot be put together: their sections and manifests
leavings  entries that are wrong and that nothing needs
sums      the totals, counted again
repair    the whole of it, and what came of it
setback   a store that is older than its receipt knows
from_path by the path of the other copy, a store or an archive
"""

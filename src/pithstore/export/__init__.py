"""The store written out, as an archive or as tables, and an archive read back in."""

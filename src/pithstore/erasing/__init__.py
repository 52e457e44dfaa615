"""Erasing: the bytes of sections taken off the medium, free pages included; tombstones say when and why.

holders     which versions have a section that is to go
targets     what is to go, and what stays as others have it too
withholding tombstones, and the blobs out of the store
remains     what is left of a version, for another store
erase       one after the other, and the store made anew
"""

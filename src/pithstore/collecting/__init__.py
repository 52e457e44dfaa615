"""Collecting: what nothing reaches is removed, while others read and put.

marking    who names which section, and which frames are of a run
sweeping   the blobs that nobody names; the values of tail and packs in which nothing lies that is reached
collect    one after the other
"""

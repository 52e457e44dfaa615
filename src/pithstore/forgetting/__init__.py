"""Forgetting: versions dropped on purpose; their numbers are never given again.

policy      which versions of a source a rule drops
declared    the ledger of declared digests, as if the versions had never been
withdrawal  versions taken out of the index, with all that was counted of them
forget      one source after the other
"""

"""A copy of a store in another one, of whatever engine: versions and recorded checks, each hashed on its way.

cut         what is copied: all that the store had recorded by a moment
missing     the versions of it that the copy lacks
agreement   whether the copy is one of this store, before and after
copy        from one engine into the other, batch by batch
"""

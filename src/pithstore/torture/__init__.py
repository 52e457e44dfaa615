"""Faults, made on purpose: what a store must survive, as cases that anybody can run on their own medium.

Each module makes one kind of fault and looks at what is left.  Nothing else in pithstore imports this package.
"""

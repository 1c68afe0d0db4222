"""Choosing the linear modules that get an adapter: the tree of the transformer, and patterns that stand for it."""

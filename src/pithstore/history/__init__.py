"""The versions of a source: what changed, when, where a value or a blob comes from."""

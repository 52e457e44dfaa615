"""How diffs and comparisons are shown: text, Markdown, HTML; and how text from records is made harmless."""

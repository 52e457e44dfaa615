"""What the builders made, and what one changed against another."""

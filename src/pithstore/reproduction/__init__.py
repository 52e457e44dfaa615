"""Builders run again, what they make compared with what is stored, and the results kept."""

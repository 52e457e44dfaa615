"""What records declare of their own sections, and the ledger of how that came out."""

"""What tests of pithstore, of its engines and of programs built on it share; nothing inside imports it."""

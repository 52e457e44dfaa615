"""pithstore: a content-addressed snapshot store for versioned JSON records."""

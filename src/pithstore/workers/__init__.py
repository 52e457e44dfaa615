"""Other processes that prepare the texts of records: they open no store, and hold nothing that could be lost."""

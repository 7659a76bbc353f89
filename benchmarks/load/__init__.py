"""Many callers at once against a live service, and an audit of what became of their jobs."""

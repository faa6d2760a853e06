"""What is accepted and not yet delivered: events on disk, sealed into immutable batches."""

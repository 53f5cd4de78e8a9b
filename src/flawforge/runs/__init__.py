"""What a run leaves on disk: folder, checkpoint, history, records, versions."""

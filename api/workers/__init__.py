"""Worker processes: several servers behind one socket, with one supervisor."""

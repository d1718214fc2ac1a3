"""Pure pages: what the registry holds, as HTML bodies, search entries and downloads; no file is read or written here."""

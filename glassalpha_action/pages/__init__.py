"""Pure pages: what the registry holds, as HTML bodies, search entries and downloads; no file is written here."""

"""The edge to GitHub: what an event asks for, and the summary, outputs and annotations that answer it."""

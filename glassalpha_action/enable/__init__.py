"""What helps people use the rest: checks of an installation, and text for chat."""

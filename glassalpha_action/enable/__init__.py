"""What helps people use the rest: checks of an installation."""

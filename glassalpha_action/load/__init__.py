"""Brings evidence in: rows, models and where they came from."""

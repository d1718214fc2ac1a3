"""Policies: what they may say, and what they decide."""

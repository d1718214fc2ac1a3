"""Events that people record, and what is derived from them."""

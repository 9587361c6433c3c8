"""Rewrite patterns of ``raise-torch``, one family per file."""

"""Recordings of any length, window by window or in batches."""

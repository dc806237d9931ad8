"""Tokens: how the next one is chosen, and which of several texts is believed."""

"""Pocket TTS (Kyutai, 2026): a language model over latent vectors instead of codes; see docs/voices-published.md."""

"""A recording goes on, without any text: AudioLM (Borsos et al., 2022) on our codec."""

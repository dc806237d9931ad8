"""Text to speech: sentences, normalised words, phones, code frames, samples. Sans-I/O; models come in as protocols."""

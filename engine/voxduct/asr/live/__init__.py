"""An utterance that is still being said: what is heard again when, and which words are certain."""

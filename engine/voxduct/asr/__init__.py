"""Speech recognition: the audio of one utterance becomes committed words while it is still being spoken."""

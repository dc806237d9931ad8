"""What is laid over the codes that a voice draws: mixtures, timbre, melody, breath; and a room over its samples."""

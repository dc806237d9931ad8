"""What a voice is judged by besides its words: pace, seams, gaps, memory, first audio, hard texts, its originals."""

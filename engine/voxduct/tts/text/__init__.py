"""Text to words to phones: sentences and clauses, figures and dates spelt out, what is asked and what is emphasised."""

"""Speech by language models that were given text: published codec language models, run as their makers do."""

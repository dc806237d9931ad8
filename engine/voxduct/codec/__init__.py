"""What is codec work without being a model: how codes are stored."""

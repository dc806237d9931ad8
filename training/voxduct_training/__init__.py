"""Recipes that make the models Voxduct ships: data, training, export and evaluation."""

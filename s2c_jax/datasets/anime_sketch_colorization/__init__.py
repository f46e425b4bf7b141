"""Pairs from Kaggle's Anime Sketch Colorization Pair."""

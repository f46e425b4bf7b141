"""The Kaggle set of anime sketches and their colour pictures."""

"""How good a colouring is: metrics, baselines, scores of a validation split, tables."""

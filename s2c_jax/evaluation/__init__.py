"""How good a colouring is: metrics, scores of a validation split, tables."""

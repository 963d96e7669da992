"""Training of declared networks: recipes, and the trainer of classifiers."""

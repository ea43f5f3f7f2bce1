"""Training: recipes, losses, the run and its folder. ``spikescan train`` is ``run.prepare`` and ``run.train``."""

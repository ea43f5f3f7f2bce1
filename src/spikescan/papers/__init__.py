"""The published tables and figures: one file each, found by scanning this package; ``spikescan reproduce NAME``.

An experiment declares its runs (``Experiment.runs``) and how their results are drawn (``Experiment.report``).
Everything between the two, from a killed process to the HTML page, is shared and knows no paper.
"""

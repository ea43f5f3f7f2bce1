"""`python -m spikescan`."""

from spikescan.cli import main

main()

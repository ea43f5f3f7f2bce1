"""The performance of spikescan as ratios inside one run on one machine: `spikescan bench`."""

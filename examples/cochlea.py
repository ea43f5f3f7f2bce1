"""Sound to spikes: a raster of what the artificial cochlea fires, of a sound file or of a chirp.

python cochlea.py [FILE.wav]
"""

import sys

import numpy as np

from spikescan import audio

ROWS, COLUMNS = 20, 76

if len(sys.argv) > 1:
    sound, rate = audio.read(sys.argv[1])
else:
    rate = 48_000
    t = np.arange(rate // 2) / rate
    sound = np.sin(2 * np.pi * 100 / 7 * np.expm1(7 * t)).astype(np.float32)  # 100 Hz to 3.3 kHz

cochlea = audio.Cochlea(channels=700)
times, channels = cochlea(sound, rate, seed=0)

duration = len(sound) / rate
counts, *_ = np.histogram2d(channels, times, (ROWS, COLUMNS), ((0, 700), (0, duration)))
for row in counts:  # high frequencies first
    print("".join(" .:-=+*#%@"[min(int(np.sqrt(count)), 9)] for count in row))
print(f"{len(times):,} spikes of 700 channels in {duration:.2f} s")

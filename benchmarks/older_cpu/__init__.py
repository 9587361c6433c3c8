"""Time on this machine what an older one would run: libraries that see neither AVX-512, nor VNNI, nor AMX."""

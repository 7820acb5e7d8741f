"""Hyperspectral driving scenes: a generator from measured spectra and a reader of HSI-Drive v2.0 files.

`bands` and `hsi_drive` need numpy and scipy only; `scenes` needs the `[train]` extra (earthlib, pvlib).
"""

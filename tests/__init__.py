"""Tests of accel_sim, one folder per kind of evidence."""

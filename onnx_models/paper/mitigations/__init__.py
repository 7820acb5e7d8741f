"""What protection buys on the faults of the campaigns: range limits, ECC in mantissa bits, ECC on biases."""

"""Single bit flips in float32 parameters, run by onnxruntime, and in int8 ones, run by accel_sim."""

"""The simulator against onnxruntime."""

"""Engines of TensorRT, through pycuda."""

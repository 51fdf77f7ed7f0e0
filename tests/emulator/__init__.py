"""A GPU of host memory and a TensorRT on it: the daemon's and the converter's own code with the real pycuda, without a GPU."""

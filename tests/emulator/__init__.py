"""A GPU of host memory and a TensorRT on it: our own code for GPUs runs, with the real pycuda, where no GPU is.

It shows that calls, threads, order and memory are right. Of TensorRT's own behaviour and of any speed it shows nothing.
"""

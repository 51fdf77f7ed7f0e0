"""The converter: a recipe's ONNX made into an engine for the machine that will run it, and proven equal."""

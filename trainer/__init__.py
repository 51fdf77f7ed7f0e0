"""The trainer: images and masks in, a recipe (model.onnx and recipe.toml) out; needs torch."""

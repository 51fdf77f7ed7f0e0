"""From a run to a recipe: the deployed graph, its INT8 form, and its scores by pixels."""

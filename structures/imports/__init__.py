"""The screens that bring a table of actions into the catalogue, step by step."""

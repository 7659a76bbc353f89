"""BookNLP's pipeline as a library: text and a model pack in, a typed analysis out."""

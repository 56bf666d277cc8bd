"""Trained weights (safetensors) with a model card each; read by ``models/weights.py``."""

"""How the shipped weights are made; nothing of inference imports this.

``degrade`` makes stored pictures and their cells from true ones, ``data`` packs tiles into a bank and cuts batches,
``loop`` trains with checkpoints, ``export`` writes safetensors and the model card. ``scripts/train_release.py`` runs
the recipes.
"""

"""Networks only: an ``nn.Module`` and a frozen spec dataclass a file; ``weights.py`` finds, verifies and loads them."""

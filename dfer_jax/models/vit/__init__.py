"""Networks that stand on vision transformers (ViT)."""

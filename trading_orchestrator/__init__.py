"""The public face of the product: what engines of your own, and programs beside it, may import."""

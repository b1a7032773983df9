"""Ranking, pictures of rankings, and the embeddings they start from."""

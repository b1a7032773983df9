"""Search with features that are on disk: files of features, indexes, filters, results. No MindSpore here."""

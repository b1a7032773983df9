"""Use of trained models: features of clips, from a run or an exported file. Only runs import MindSpore."""

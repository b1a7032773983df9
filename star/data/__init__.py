"""Reading tracklets, frames and skeletons from disk and making batches of them. NumPy and OpenCV only."""

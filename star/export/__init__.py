"""Export of trained models to ONNX, node by node from the graph that MindSpore itself exports (MindIR)."""

"""ONNX files that users bring: inspected, tried, made models of, and made smaller."""

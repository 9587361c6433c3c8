"""Speed on this CPU: ivit's integers against PyTorch, ONNX Runtime and OpenVINO.

Same weights, same images, same threads.
"""

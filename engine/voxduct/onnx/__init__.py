"""The only place that runs models: adapters from ONNX files to the protocols in `voxduct.models`."""

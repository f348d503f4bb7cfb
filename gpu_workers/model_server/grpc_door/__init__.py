"""The Open Inference Protocol over gRPC; needs grpcio and protobuf."""

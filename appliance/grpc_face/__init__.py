"""The gRPC interface: thin, protobuf to the same use cases as REST and back."""

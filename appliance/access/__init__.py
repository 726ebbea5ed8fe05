"""Who may come in, and what for: API keys, the file that keeps their hashes, and the door that asks for them.

`api_key` is one key, `key_file` all that are kept; `door` lets a `visitor` in or says why not, the same for REST and
gRPC. Who makes a request is `request[VISITOR]` in the one and `callers.visitor(context)` in the other.
"""

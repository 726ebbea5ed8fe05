"""`python -m appliance`, the same as `voiceprint`; the supervisor starts its processes this way."""

import signal

# Ctrl-C while the rest is imported ends the process without a stack trace. The supervisor has blocked it until here.
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

from appliance.cli import main  # noqa: E402

signal.signal(signal.SIGINT, signal.default_int_handler)
main()

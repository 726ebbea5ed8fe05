"""What a script of the tests does with a command that serves until it is stopped: it stops it, once it serves."""

# Functions for bash. A command that serves is started on free ports and stopped with Ctrl-C's signal as soon as it says
# that it is ready or, of a drop folder, what it has made; it must then end well. All others are run as they are.
STOPPED_WHEN_READY = r"""
voiceprint() {
  case "$1 $*" in
    *--check* | *--once* | *--help*) command voiceprint "$@" ;;
    up\ * | serve\ * | grpc\ * | worker\ * | watch\ *) stopped_when_ready voiceprint "$@" ;;
    *) command voiceprint "$@" ;;
  esac
}

voiceprint-client() { voiceprint client "$@"; }

stopped_when_ready() {
  local said; said=$(mktemp)
  local ports=(VOICEPRINT_HTTP_PORT=0 VOICEPRINT_GRPC_PORT=0)
  # A shell lets no background command hear SIGINT; whoever types it does.
  local heard='import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
os.execvp(sys.argv[1], sys.argv[1:])'
  env "${ports[@]}" python -c "$heard" "$@" >"$said" 2>&1 &
  until grep --quiet -E 'is ready|listening on|\.vp$' "$said"; do
    kill -0 $! 2>/dev/null || { cat "$said" >&2; return 1; }
    sleep 0.1
  done
  kill -INT $!
  wait $! || { local code=$?; cat "$said" >&2; return $code; }
}
"""

"""What readers of docs/ have done before they come to a page, for bash, and what they have."""

# What a reader of a page has done before.
BEFORE = {
    "api.md": """
        voiceprint extract --out archive call.wav
        printf '"%s"\\n' "$(base64 --wrap 0 archive/call.0.vp)" > archive.ndjson""",
    "bulk.md": """
        voiceprint extract --out archive call.wav
        cp archive/call.0.vp one.vp; cp archive/call.1.vp two.vp
        mkdir recordings calls; cp call.wav recordings; cp call.wav calls/2019-01.wav; echo call.wav > list.txt
        printf '%s  [ 1 2 3 ]\\n' one two > xvectors.ark; echo three other.ark:6 > xvectors.scp
        python tables.py""",
    "calibration.md": """
        printf '%s %s %s\\n' 1 speaker0/0.wav speaker0/1.wav 0 speaker0/0.wav speaker1/0.wav > trials.txt
        printf '%s,%s\\n' file speaker DIR/speaker0/0.wav a DIR/speaker0/1.wav a DIR/speaker1/0.wav b > speech.csv""",
    "cli.md": """
        mkdir voices incoming
        cp tests/recordings/demo.flac first.wav; cp tests/recordings/mpeg.mp3 second.wav
        cp first.wav second.wav tests/recordings/stranger.flac voices; cp call.wav incoming
        mkdir calls; cp first.wav calls; echo vp_key > key.txt; pip() { echo "the tests have $*"; }""",
    # What is restored comes into an appliance of its own.
    "operations.md": """
        ssh() { bash -c "$2"; }""",
    "tutorial.md": """
        pip() { echo "the tests have $*"; }""",
    "keyring.md": """
        voiceprint extract --out /srv/voiceprints call.wav
        base64 --wrap 0 /srv/voiceprints/call.0.vp > export.json""",
}
# Tables and numbers that others have left.
TABLES = """
import base64, pathlib
import numpy, pyarrow, pyarrow.parquet

def written(name, **columns):
    pyarrow.parquet.write_table(pyarrow.table(columns), name)

vp = base64.b64encode(pathlib.Path("one.vp").read_bytes()).decode()
written("calls/2019-01.parquet", call_id=["one"], voiceprint=[vp])
written("calls.parquet", id=["one"], path=["call.wav"])
written("audio.parquet", bytes=[pathlib.Path("call.wav").read_bytes()])
numpy.ones(1024, "<f4").tofile("floats.bin")
vector = numpy.arange(3, dtype="<f4").tobytes()
pathlib.Path("other.ark").write_bytes(b"three \\0BFV \\4" + b"\\3\\0\\0\\0" + vector)
"""

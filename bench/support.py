"""What the benches that are written in Python share: where things are, and how numbers are told."""

import os
import re
import statistics
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "target/bench"
VULTUS = ROOT / "target/release/vultus"
CACHE = Path(os.environ.get("MODELS_DIR") or Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "vultus")
PHOTOS = CACHE / "face_recognition-1.3.0"
# Whom the demo's recording shows, with a photo of each.
PEOPLE = {"Barack Obama": PHOTOS / "obama.jpg", "Joe Biden": PHOTOS / "biden.jpg"}


def fail(why):
    sys.exit(f"bench/{Path(sys.argv[0]).name}: {why}")


def run(*command, **more):
    """Runs a command; what it says goes to standard error, since a bench's standard output is its table."""
    subprocess.run([str(part) for part in command], check=True, stdout=sys.stderr, **more)


def need_vultus(*packs):
    """The binary, which is built before, and what it needs."""
    if not VULTUS.exists():
        fail("build first: cargo build --release")
    WORK.mkdir(parents=True, exist_ok=True)
    run(VULTUS, "models", "pull", "default", "runtime", "photos", *packs)


def demo_video():
    """The demo's recording: 640×480, 25 frames a second, 20 s."""
    video = WORK / "demo.mp4"
    if not video.exists():
        run(ROOT / "demo/make-video", video)
    return video


def scaled_video(source, name, filters):
    """A recording made once from another one."""
    video = WORK / name
    if not video.exists():
        encoded = ["-an", "-c:v", "libx264", "-preset", "veryfast", video]
        run("ffmpeg", "-nostdin", "-v", "error", "-y", *source, *(["-vf", filters] if filters else []), *encoded, timeout=300)
    return video


def python_with(name, *packages, alone=()):
    """A Python of its own with these packages from PyPI, and those of `alone` without what they depend on."""
    python = WORK / f"venv-{name}/bin/python"
    ready = WORK / f"venv-{name}/ready"
    if not ready.exists():
        print(f"installing {name}", file=sys.stderr)
        run(sys.executable, "-m", "venv", python.parent.parent)
        run(python, "-m", "pip", "-q", "install", *packages)
        if alone:
            run(python, "-m", "pip", "-q", "install", "--no-deps", *alone)
        ready.touch()
    return python


def dlib_models():
    """The folder of dlib's models, from the package face-recognition-models."""
    folder = WORK / "face_recognition_models-0.3.0/face_recognition_models/models"
    if not folder.exists():
        package = ["--no-deps", "--no-binary", ":all:", "-d", WORK, "face-recognition-models==0.3.0"]
        run(sys.executable, "-m", "pip", "-q", "download", *package)
        with tarfile.open(WORK / "face_recognition_models-0.3.0.tar.gz") as archive:
            archive.extractall(WORK, filter="data")
    return folder


def described(cores=f"{os.cpu_count()} cores"):
    """The commit and the machine."""
    head = ["git", "-C", ROOT, "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(head, capture_output=True, text=True, check=True).stdout.strip()
    return f"{commit}, {cores}, {processor()}"


def processor():
    """The name of the machine's processor."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return found[1] if found else "unknown processor"


def spread(values, unit="", form="{:.1f}"):
    """The median, and the least and the most."""
    return f"{form.format(statistics.median(values))}{unit} ({form.format(min(values))}–{form.format(max(values))})"


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def cpu_seconds(pid):
    """User and system time of a process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        fail(f"process {pid} has ended while it was measured")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid, what):
    """`VmRSS`, what a process has in memory now, or `VmHWM`, at most."""
    return int(re.search(rf"{what}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def environment(home, **settings):
    """An environment without settings of whoever runs the bench."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "XDG_CACHE_HOME", "MODELS_DIR") if name in os.environ}
    return kept | {"VULTUS_HOME": str(home)} | {name: str(value) for name, value in settings.items()}

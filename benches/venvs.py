"""Where the benchmarks' peers live: virtual environments beneath target/."""
import os, subprocess, sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "target"
# Settings that would hold OpenBLAS, which numpy and faiss use, to another processor's kernels.
HANDICAPS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def present(packages):
    try:
        return bool([version(name) for name in packages])
    except PackageNotFoundError:
        return False


def enter(*packages, name="peers-venv", **variables):
    """Returns in a Python of target/NAME that has these packages of PyPI, with these variables set, and without handicaps; runs the
    script that calls it again where that is not so. Who asks for help is given the script's description instead."""
    venv = TARGET / name
    environment = {k: v for k, v in os.environ.items() if k not in HANDICAPS} | variables
    inside = Path(sys.prefix).resolve() == venv.resolve()
    if inside and environment == dict(os.environ) and present(packages):
        return
    if {"-h", "--help"} & set(sys.argv):
        sys.exit(print(sys.modules["__main__"].__doc__))
    python = str(venv / "bin" / "python")
    if not os.path.exists(python):
        subprocess.check_call([sys.executable, "-m", "venv", str(venv)])
    # Not bin/pip: its first line names the venv it was made in, which a copied folder is not. What is there already is left.
    subprocess.check_call([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages])
    os.execve(python, [python, *sys.argv], environment)

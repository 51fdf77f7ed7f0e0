"""`python -m tests.emulator FOLDER`: builds the emulated driver, and the real pycuda on it.

Needs a C++ compiler and a package index: CUDA's headers come as wheels. FOLDER gets `libcuda.so.1` and `site`, where
pycuda and what it needs are installed, apart from this Python's own packages. With EMULATOR_CACHE set to a folder, what
was built there from the same sources for the same Python is copied instead.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
HEADERS = ("nvidia-cuda-runtime", "nvidia-cuda-profiler-api", "nvidia-cuda-cccl")
"""Wheels that hold cuda.h, cudaProfiler.h and what these include."""
NOT_SUPPORTED = 801  # CUDA_ERROR_NOT_SUPPORTED


def cached(cache: Path, folder: Path) -> None:
    """Copy the build of these sources from `cache` into `folder`; build it first where it is not there yet."""
    parts = [path.read_bytes() for path in sorted(HERE.glob("*.?pp"))] + [Path(__file__).read_bytes()]
    parts.append(f"{platform.machine()} {platform.python_version()} {platform.libc_ver()}".encode())
    kept = cache / f"emulator-{hashlib.sha256(b''.join(parts)).hexdigest()[:16]}"
    if not kept.is_dir():
        with tempfile.TemporaryDirectory(dir=cache) as temporary:
            build(Path(temporary) / "built")
            with contextlib.suppress(OSError):  # another build was faster
                (Path(temporary) / "built").rename(kept)  # there is all of it, or nothing
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(kept, folder, symlinks=True)


def build(folder: Path) -> None:
    """Build all of it into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        pip("install", "--quiet", "--no-deps", "--target", str(work / "headers"), *HEADERS)
        include = work / "headers" / "nvidia" / "cu13" / "include"
        if not (folder / "site").is_dir():
            compile_driver(include, folder, stubs="")
            build_pycuda(work, include, folder)
        (extension,) = (folder / "site" / "pycuda").glob("_driver*.so")
        compile_driver(include, folder, stubs_for(extension.read_bytes()))


def compile_driver(include: Path, folder: Path, stubs: str) -> None:
    """Compile `libcuda.so.1`, with `stubs` (C++) for all that it does not know."""
    library = folder / "libcuda.so.1"
    options = ["-std=c++17", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-fvisibility=hidden", "-pthread"]
    sources = [str(HERE / "driver.cpp"), "-x", "c++", "-"]
    words = ["g++", *options, f"-I{include}", "-Wl,-soname,libcuda.so.1", "-o", str(library), *sources]
    subprocess.run(words, input=stubs, text=True, check=True)
    link = folder / "libcuda.so"  # what linkers look for
    link.unlink(missing_ok=True)
    link.symlink_to(library.name)


def stubs_for(extension: bytes) -> str:
    """Write a function for each that a library wants of the driver and that `driver.cpp` lacks: not supported."""
    wanted = {name.decode() for name in re.findall(rb"\0(cu[A-Z]\w+)(?=\0)", extension)}
    known = set(re.findall(r"^API (cu\w+)\(", (HERE / "driver.cpp").read_text(), re.M))
    return "".join(
        f'extern "C" __attribute__((visibility("default"))) int {name}() {{ return {NOT_SUPPORTED}; }}\n'
        for name in sorted(wanted - known)
    )


def build_pycuda(work: Path, include: Path, folder: Path) -> None:
    """Compile pycuda from its source, as its own instructions say, without cuRAND, which nobody here needs."""
    pip("download", "--quiet", "--no-deps", "--no-binary", "pycuda", "--dest", str(work), "pycuda>=2026.1,<2027")
    (source,) = work.glob("pycuda-*.tar.gz")
    with tarfile.open(source) as tar:
        tar.extractall(work, filter="data")
    (root,) = (path for path in work.glob("pycuda-*") if path.is_dir())
    options = ["--no-cuda-enable-curand", f"--cuda-inc-dir={include}", f"--cudadrv-lib-dir={folder.resolve()}"]
    subprocess.run([sys.executable, "configure.py", *options], cwd=root, check=True, stdout=subprocess.DEVNULL)
    pip("install", "--quiet", "--target", str(work / "site"), str(root), CFLAGS="-O0")
    shutil.move(work / "site", folder / "site")  # there is all of it, or nothing


def pip(*words: str, **environment: str) -> None:
    """Run pip."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *words]
    subprocess.run(command, check=True, env={**os.environ, **environment})


if __name__ == "__main__":
    if where := os.environ.get("EMULATOR_CACHE"):
        Path(where).mkdir(parents=True, exist_ok=True)
        cached(Path(where), Path(sys.argv[1]))
    else:
        build(Path(sys.argv[1]))

# SPDX-License-Identifier: Apache-2.0
"""Builds llama-server from the sources inside the very llama-cpp-python that is installed."""

import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import click

_PACKAGE = "llama-cpp-python"
_DEBIAN_TOOLS = ["cmake", "ninja-build"]

# llama-cpp-python's own CMakeLists.txt sets every other option, so the library is compiled as in
# the wheel. These add the server and leave out what has nothing to do with speed: the vision
# library, the web page that would be downloaded, and TLS.
FLAGS = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DLLAVA_BUILD=OFF",
    "-DLLAMA_BUILD_TOOLS=ON",
    "-DLLAMA_BUILD_SERVER=ON",
    "-DLLAMA_USE_PREBUILT_UI=OFF",
    "-DLLAMA_OPENSSL=OFF",
)


@dataclass(frozen=True)
class Peer:
    """llama-server, the vocabulary that its sources carry, and how both were made."""

    binary: Path
    vocabulary: Path
    version: str
    flags: tuple[str, ...]


def build_llama_server(cache: Path) -> Peer:
    """The server, compiled into ``cache`` unless it is there already.

    CMAKE_ARGS is honoured as pip honours it when it compiles llama-cpp-python.
    """
    release = version(_PACKAGE)
    directory = cache / f"{_PACKAGE}-{release}"
    source, build = directory / "source", directory / "build"
    if not (source / "CMakeLists.txt").exists():
        _unpack(release, directory, source)
    flags = (*FLAGS, *os.environ.get("CMAKE_ARGS", "").split())
    binary = build / "bin" / "llama-server"
    if not binary.exists():
        _require_tools()
        click.echo("bench: compiling llama-server; that takes some minutes, once.", err=True)
        _run("cmake", "-G", "Ninja", "-S", str(source), "-B", str(build), *flags)
        _run("cmake", "--build", str(build), "--target", "llama-server")
    vocabulary = source / "vendor" / "llama.cpp" / "models" / "ggml-vocab-llama-spm.gguf"
    return Peer(binary=binary, vocabulary=vocabulary, version=release, flags=flags)


def _unpack(release: str, directory: Path, source: Path) -> None:
    click.echo(f"bench: fetching the sources of {_PACKAGE} {release}", err=True)
    directory.mkdir(parents=True, exist_ok=True)
    _run(
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
        "--no-deps", "--no-binary", ":all:", "--dest", str(directory), f"{_PACKAGE}=={release}",
    )  # fmt: skip
    archive = next(directory.glob("*.tar.gz"))
    unpacked = directory / "unpacked"
    with tarfile.open(archive) as tar:
        tar.extractall(unpacked, filter="data")
    next(unpacked.iterdir()).rename(source)
    unpacked.rmdir()
    archive.unlink()


def _require_tools() -> None:
    if shutil.which("cmake") and shutil.which("ninja"):
        return
    if os.getuid() == 0 and shutil.which("apt-get"):
        click.echo(f"bench: installing {' '.join(_DEBIAN_TOOLS)}", err=True)
        _run("apt-get", "update", "-qq")
        _run("apt-get", "install", "-y", "-qq", *_DEBIAN_TOOLS)
        return
    raise click.ClickException(
        f"cmake and ninja are needed. Run: sudo apt-get install {' '.join(_DEBIAN_TOOLS)}"
    )


def _run(*command: str) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        raise click.ClickException(f"{' '.join(command[:4])} … failed:\n{tail}")

# SPDX-License-Identifier: Apache-2.0
"""What `make vulkan-check` runs: a portable build of llama.cpp and Mesa's Vulkan on the processor.

These files are named check_*.py, so that the default suite, whose build has no Vulkan, leaves them.
"""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.running_box import RunningBox

BoxStarter = Callable[..., "RunningBox"]
BadDriver = Callable[[str], Path]
_FIGURES: list[str] = []

# A Vulkan driver that ends, or holds for ever, whoever loads it.
_BAD_DRIVER = """
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
__attribute__((constructor)) static void begin(void) { %s; }
"""
# A driver that is lavapipe until something is to be computed.
_FALSE_DRIVER = """
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
typedef void (*Function)(void);
typedef Function (*Get)(void *, const char *);
static int submit(void) { abort(); }
static Get of_instance, of_device, of_physical;
static Function get_of_device(void *device, const char *name) {
    return strncmp(name, "vkQueueSubmit", 13) ? of_device(device, name) : (Function)submit;
}
Function vk_icdGetInstanceProcAddr(void *instance, const char *name) {
    Function found = of_instance(instance, name);
    if (!strcmp(name, "vkGetDeviceProcAddr")) {
        of_device = (Get)found;
        return (Function)get_of_device;
    }
    return strncmp(name, "vkQueueSubmit", 13) ? found : (Function)submit;
}
Function vk_icdGetPhysicalDeviceProcAddr(void *instance, const char *name) {
    return of_physical(instance, name);
}
int vk_icdNegotiateLoaderICDInterfaceVersion(unsigned *version) {
    void *lavapipe = dlopen("%s", RTLD_NOW);
    of_instance = (Get)dlsym(lavapipe, "vk_icdGetInstanceProcAddr");
    of_physical = (Get)dlsym(lavapipe, "vk_icdGetPhysicalDeviceProcAddr");
    int (*negotiate)(unsigned *) =
        (int (*)(unsigned *))dlsym(lavapipe, "vk_icdNegotiateLoaderICDInterfaceVersion");
    return negotiate(version);
}
"""


def _lavapipe() -> Path:
    found = next(Path("/usr/share/vulkan/icd.d").glob("lvp_icd*.json"), None)
    assert found, "Mesa's lavapipe is missing: install mesa-vulkan-drivers"
    return found


@pytest.fixture(autouse=True, scope="session")
def _only_lavapipe() -> Iterator[None]:
    """A GPU of this machine takes no part."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VK_DRIVER_FILES", str(_lavapipe()))
        patch.delenv("GGML_VK_VISIBLE_DEVICES", raising=False)
        patch.setenv("GGML_NO_BACKTRACE", "1")  # where gdb is, an abort would wait for it
        yield


@pytest.fixture
def lavapipe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for the device in software by its number: llama.cpp lists none by itself."""
    monkeypatch.setenv("GGML_VK_VISIBLE_DEVICES", "0")


@pytest.fixture
def bad_driver(tmp_path: Path) -> BadDriver:
    """The manifest of a driver that does what the C statement given says when it is loaded."""
    return lambda statement: _build(_BAD_DRIVER % statement, tmp_path)


@pytest.fixture
def false_driver(tmp_path: Path) -> Path:
    """The manifest of a driver that shows a device, and ends whoever computes on it."""
    manifest = json.loads(_lavapipe().read_bytes())
    return _build(_FALSE_DRIVER % manifest["ICD"]["library_path"], tmp_path)


def _build(program: str, directory: Path) -> Path:
    library, manifest = directory / "libdriver.so", directory / "driver_icd.json"
    argv = ["cc", "-shared", "-fPIC", "-x", "c", "-o", str(library), "-"]
    subprocess.run(argv, input=program, text=True, check=True)
    icd = {"library_path": str(library), "api_version": "1.3.0"}
    manifest.write_text(json.dumps({"file_format_version": "1.0.0", "ICD": icd}))
    return manifest


@pytest.fixture
def start_box(tmp_path: Path) -> Iterator[BoxStarter]:
    """Start a box on the same data each time: ``start_box(NAME=value)`` adds to its environment."""
    # importlib mode puts no test folder on sys.path.
    path = Path(__file__).parents[1] / "integration" / "running_box.py"
    spec = importlib.util.spec_from_file_location("running_box", path)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    sys.modules["running_box"] = module
    spec.loader.exec_module(module)
    with ExitStack() as stack:

        def start(**environment: str) -> "RunningBox":
            made: RunningBox = module.RunningBox(tmp_path / "box")
            made.environment |= environment
            stack.callback(made.clean_up)
            made.start()
            return made

        yield start


@pytest.fixture
def report() -> Callable[[str], None]:
    """Add a line to what is printed at the end."""
    return _FIGURES.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _FIGURES:
        return
    terminalreporter.section("Vulkan")
    for line in _FIGURES:
        terminalreporter.write_line(line)

# SPDX-License-Identifier: Apache-2.0
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from atre.hardware.detect import with_nvml
from atre.hardware.machine import IssueCode, Machine, PciDevice
from atre.hardware.nvml import NvmlReport, ask_nvml, read_nvml

# A library with NVML's names: two cards, of which the second shares the machine's memory.
_LIBRARY = r"""
#include <string.h>
typedef struct { char legacy[16]; unsigned domain, bus, device, id, subsystem;
    char bus_id[32]; } Pci;
typedef struct { unsigned long long total, free, used; } Memory;
int nvmlInit_v2(void) { return INIT; }
int nvmlShutdown(void) { return 0; }
const char *nvmlErrorString(int code) { return "Driver/library version mismatch"; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **device) {
    *device = (void *)(unsigned long)(index + 1); return 0;
}
int nvmlDeviceGetPciInfo_v3(void *device, Pci *pci) {
    memset(pci, 0, sizeof *pci);
    pci->domain = device == (void *)1 ? 0 : 15; pci->bus = 1; return 0;
}
int nvmlDeviceGetMemoryInfo(void *device, Memory *memory) {
    if (device != (void *)1) return 3;
    memory->total = 12ull << 30; return 0;
}
"""


def library(folder: Path, init: int) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    source, built = folder / "nvml.c", folder / "libnvidia-ml.so.1"
    source.write_text(_LIBRARY)
    command = [compiler, f"-DINIT={init}", "-shared", "-fPIC", "-o", str(built), str(source)]
    subprocess.run(command, check=True)
    return built


def test_memory_is_read_by_address_and_unknown_where_it_is_shared(tmp_path: Path) -> None:
    report = read_nvml(str(library(tmp_path, 0)))
    assert [(card.pci_address, card.memory_bytes) for card in report.cards] == [
        ("0000:01:00.0", 12 * 2**30),
        ("000f:01:00.0", None),
    ]
    gpus = tuple(
        PciDevice(address=address, vendor_id="10de", device_id="2504")
        for address in ("000f:01:00.0", "0000:01:00.0", "0000:02:00.0")
    )
    joined = with_nvml(Machine(gpus=gpus), report).gpus
    assert joined is not None
    assert [gpu.memory_bytes for gpu in joined] == [None, 12 * 2**30, None]


def test_a_library_that_does_not_fit_its_driver_says_so(tmp_path: Path) -> None:
    (issue,) = read_nvml(str(library(tmp_path, 18))).issues
    assert (issue.code, issue.detail) == (IssueCode.FAILED, "Driver/library version mismatch")


def test_a_machine_without_the_library_has_an_issue_and_no_card() -> None:
    report = read_nvml("libthere-is-none.so.1")
    assert report.cards == ()
    assert [issue.code for issue in report.issues] == [IssueCode.UNREADABLE]


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("import os; os.abort()", IssueCode.CRASHED),
        ("import signal; signal.pause()", IssueCode.TIMED_OUT),
        ("print(3)", IssueCode.MALFORMED),
    ],
)
def test_a_library_that_ends_or_hangs_its_process_is_survived(
    program: str, code: IssueCode
) -> None:
    report = ask_nvml((sys.executable, "-c", program), time_limit_s=2.0)
    assert report == NvmlReport(issues=report.issues)
    assert [issue.code for issue in report.issues] == [code]

# SPDX-License-Identifier: Apache-2.0
import shutil
import subprocess
from pathlib import Path

import pytest

from atre.hardware.software_vulkan import software_names

# Two devices, a card (2) and a program (4), as vulkan_core.h lays them out.
_VULKAN = r"""
#include <string.h>
static int devices[2] = {2, 4};
int vkCreateInstance(const int *info, void *a, void **instance) {
    *instance = devices; return info[0] == 1 ? RESULT : -1;
}
int vkEnumeratePhysicalDevices(void *i, unsigned *count, void **handles) {
    *count = 2;
    if (handles) { handles[0] = &devices[0]; handles[1] = &devices[1]; }
    return 0;
}
void vkGetPhysicalDeviceProperties(void *device, char *to) {
    int kind = *(int *)device;
    memset(to, 255, 824); memcpy(to + 16, &kind, 4); strcpy(to + 20, kind == 4 ? "soft" : "card");
}
void vkDestroyInstance(void *i, void *a) {}
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
@pytest.mark.parametrize(("result", "names"), [(0, {"soft"}), (-9, set())])
def test_only_a_program_that_poses_as_a_gpu_is_named(
    tmp_path: Path, result: int, names: set[str]
) -> None:
    path = tmp_path / "libvulkan.so"
    argv = ["cc", "-shared", "-fPIC", f"-DRESULT=({result})", "-x", "c", "-o", str(path), "-"]
    subprocess.run(argv, input=_VULKAN, text=True, check=True)
    assert software_names(str(path)) == names


def test_without_vulkan_nothing_poses_as_a_gpu(tmp_path: Path) -> None:
    assert software_names(str(tmp_path / "none.so")) == frozenset()

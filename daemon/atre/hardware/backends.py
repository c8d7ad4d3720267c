# SPDX-License-Identifier: Apache-2.0
"""Which parts of llama.cpp could compute on a device, best first.

Source: llama.cpp docs/build.md and docs/backend; names as llama.cpp registers its backends.
"""

from atre.hardware.machine import PciDevice, SocDevice

_GPU_OF_VENDOR = {
    "10de": ("CUDA", "Vulkan"),
    "1002": ("Vulkan", "ROCm"),
    "8086": ("Vulkan", "SYCL"),
}
_NPU_OF_VENDOR = {"8086": ("OPENVINO",)}
# llama.cpp has registered Metal under both names.
_GPU_OF_MAKER = {"nvidia": ("CUDA",), "apple": ("Metal", "MTL"), "qcom": ("OpenCL", "Vulkan")}


def gpu_backends(device: PciDevice | SocDevice) -> tuple[str, ...]:
    """For a GPU; whoever made it, Vulkan may work."""
    if isinstance(device, PciDevice):
        return _GPU_OF_VENDOR.get(device.vendor_id, ("Vulkan",))
    return _GPU_OF_MAKER.get(_maker(device), ("Vulkan",))


def npu_backends(device: PciDevice | SocDevice) -> tuple[str, ...]:
    """For an NPU; most have none."""
    return _NPU_OF_VENDOR.get(device.vendor_id, ()) if isinstance(device, PciDevice) else ()


def _maker(device: SocDevice) -> str:
    """Vendor prefix of the device tree's name (kernel bindings/vendor-prefixes.yaml)."""
    return device.compatible[0].partition(",")[0] if device.compatible else ""

# SPDX-License-Identifier: Apache-2.0
"""Vulkan devices that are the processor itself (Mesa's lavapipe, SwiftShader).

llama.cpp calls them cards and counts main memory as theirs, but lists them only where
GGML_VK_VISIBLE_DEVICES names them. Source: vulkan_core.h of the Vulkan specification.
"""

import ctypes
from typing import Any

VULKAN = "Vulkan"  # as llama.cpp registers that backend
_LIBRARY = "libvulkan.so.1"
_INSTANCE_CREATE_INFO, _SUCCESS, _TYPE_CPU = 1, 0, 4
_PROPERTIES_BYTES = 4096  # VkPhysicalDeviceProperties takes 824


class _InstanceInfo(ctypes.Structure):
    """VkInstanceCreateInfo; all of it may be empty but the type."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("flags", ctypes.c_uint32),
        ("application", ctypes.c_void_p),
        ("num_layers", ctypes.c_uint32),
        ("layers", ctypes.c_void_p),
        ("num_extensions", ctypes.c_uint32),
        ("extensions", ctypes.c_void_p),
    )


class _Properties(ctypes.Structure):
    """The start of VkPhysicalDeviceProperties."""

    _fields_ = (
        ("api_version", ctypes.c_uint32),
        ("driver_version", ctypes.c_uint32),
        ("vendor_id", ctypes.c_uint32),
        ("device_id", ctypes.c_uint32),
        ("type", ctypes.c_int),
        ("name", ctypes.c_char * 256),
    )


def software_names(path: str = _LIBRARY) -> frozenset[str]:
    """Their names, in this process, which a driver may end; empty where Vulkan does not answer."""
    try:
        library: Any = ctypes.CDLL(path)
    except OSError:
        return frozenset()
    instance = ctypes.c_void_p()
    info = _InstanceInfo(type=_INSTANCE_CREATE_INFO)
    if library.vkCreateInstance(ctypes.byref(info), None, ctypes.byref(instance)) != _SUCCESS:
        return frozenset()
    found = [_properties(library, handle) for handle in _handles(library, instance)]
    library.vkDestroyInstance(instance, None)
    return frozenset(
        each.name.decode("utf-8", "replace") for each in found if each.type == _TYPE_CPU
    )


def _handles(library: Any, instance: ctypes.c_void_p) -> list[int]:
    count = ctypes.c_uint32()
    library.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), None)
    handles = (ctypes.c_void_p * count.value)()
    library.vkEnumeratePhysicalDevices(instance, ctypes.byref(count), handles)
    return [handle for handle in handles[: count.value] if handle]


def _properties(library: Any, handle: int) -> _Properties:
    room = ctypes.create_string_buffer(_PROPERTIES_BYTES)
    library.vkGetPhysicalDeviceProperties(ctypes.c_void_p(handle), room)
    return _Properties.from_buffer_copy(room)

# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
from msgspec.structs import replace

from atre.config import default_profiles_dir
from atre.errors import ModelLoadError
from atre.hardware.choose import choose
from atre.hardware.detect import detect
from atre.hardware.devices import DeviceReport
from atre.hardware.explain import explain
from atre.hardware.machine import (
    Access,
    DeviceType,
    GgmlDevice,
    Issue,
    IssueCode,
    Machine,
    PciDevice,
    SocDevice,
)
from atre.hardware.profiles import load_profiles
from atre.hardware.remedies import TEXTS, words
from atre.hardware.usage import (
    DeviceUse,
    NpuState,
    Outcome,
    UseCode,
    best_gpu,
    device_uses,
    shares_main_memory,
)
from atre.models.gguf_header import read_header
from atre.plan.fit import fit
from atre.plan.planning import factory_model_path

_MACHINES = Path(__file__).parents[1] / "machines"
_CPU = GgmlDevice(name="CPU", description="a processor", type=DeviceType.CPU, backend="CPU")
_VULKAN = GgmlDevice(
    name="Vulkan0",
    description="a GPU",
    type=DeviceType.GPU,
    pci_address="0000:03:00.0",
    backend="Vulkan",
)


def card(**facts: object) -> PciDevice:
    return replace(
        PciDevice(address="0000:03:00.0", vendor_id="1002", device_id="744c", driver="amdgpu"),
        **facts,
    )


def machine_with(
    gpu: PciDevice | SocDevice, *devices: GgmlDevice, backends: tuple[str, ...] = ("CPU", "Vulkan")
) -> Machine:
    on_bus = isinstance(gpu, PciDevice)
    return Machine(
        os="linux",
        gpus=(gpu,) if isinstance(gpu, PciDevice) else (),
        soc=() if isinstance(gpu, PciDevice) else (gpu,),
        npus=() if on_bus else None,
        devices=(*devices, _CPU),
        backends=backends,
    )


def only_use(machine: Machine, outcome: Outcome | None = None) -> DeviceUse:
    (use,) = device_uses(machine, runs_on_gpu=True, outcome=outcome)
    return use


def test_every_code_has_a_reason_and_a_remedy_in_both_languages() -> None:
    assert set(TEXTS) == set(UseCode)
    for code, text in TEXTS.items():
        lines = [text.reason, text.reason_fr]
        if code is not UseCode.USED:
            lines += [text.remedy, text.remedy_fr]
        for line in lines:
            assert line.strip(), code
            assert "\n" not in line, code
        assert text.reason != text.reason_fr, code
        assert not text.remedy or text.remedy != text.remedy_fr, code


@pytest.mark.parametrize("name", sorted(path.name for path in _MACHINES.iterdir() if path.is_dir()))
@pytest.mark.parametrize("report", ["as recorded", "nothing", "crashed", "every backend"])
def test_no_unused_device_is_without_words(name: str, report: str) -> None:
    found = detect(_MACHINES / name)
    answers = {
        "nothing": DeviceReport(),
        "crashed": DeviceReport(issues=(Issue(IssueCode.CRASHED, "llama.cpp", "signal 6"),)),
        "every backend": DeviceReport(
            devices=(_CPU,), backends=("CPU", "CUDA", "Vulkan", "ROCm", "OPENVINO", "SYCL", "MTL")
        ),
    }
    if report in answers:
        answer = answers[report]
        found = replace(
            found, devices=answer.devices, backends=answer.backends, issues=answer.issues
        )
    outcomes = (None, Outcome(chosen=None), Outcome(chosen="Vulkan0"))
    for outcome in outcomes:
        uses = device_uses(found, runs_on_gpu=False, outcome=outcome)
        num_devices = len(found.gpus or ()) + len(found.npus or ()) + len(found.soc)
        assert len(uses) == num_devices
        for use in uses:
            text = words(use)
            assert use.code is UseCode.USED or (text.remedy and text.remedy_fr)
            assert "{" not in text.remedy + text.remedy_fr


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"driver": None}, UseCode.NO_DRIVER),
        ({"driver": "vfio-pci"}, UseCode.RESERVED),
        ({"access": Access.FORBIDDEN}, UseCode.NODE_FORBIDDEN),
        ({"access": Access.MISSING}, UseCode.NODE_MISSING),
        ({"vendor_id": "10de", "driver": "nouveau"}, UseCode.NOUVEAU),
        ({"vendor_id": "1a03", "driver": "ast"}, UseCode.DISPLAY_ONLY),
        ({}, UseCode.BACKEND_BLIND),
    ],
)
def test_a_gpu_that_llama_cpp_does_not_see_has_its_own_reason(
    facts: dict[str, object], code: UseCode
) -> None:
    assert only_use(machine_with(card(**facts))).code is code


def test_a_build_without_the_backend_names_those_that_would_do() -> None:
    use = only_use(machine_with(card(), backends=("CPU",)))
    assert use.code is UseCode.NO_BACKEND
    assert words(use).remedy == "Install llama-cpp-python built with Vulkan or ROCm"


@pytest.mark.parametrize(
    ("issue", "code"),
    [(IssueCode.CRASHED, UseCode.DRIVER_CRASHED), (IssueCode.TIMED_OUT, UseCode.DRIVER_HUNG)],
)
def test_a_driver_that_had_to_be_hidden_is_the_reason(issue: IssueCode, code: UseCode) -> None:
    sound = machine_with(card(), backends=("CPU",))
    bad = replace(sound, hidden_backends=("Vulkan",), issues=(Issue(issue, "llama.cpp", "gone"),))
    assert only_use(bad).code is code
    other_driver = replace(bad, hidden_backends=("CUDA",))
    assert only_use(other_driver).code is UseCode.NO_BACKEND


def test_the_outcome_of_a_race_is_the_reason_of_a_device_that_llama_cpp_sees() -> None:
    machine = machine_with(card(), _VULKAN)
    assert only_use(machine).code is UseCode.USED
    refused = {"Vulkan0": UseCode.RACE_CRASHED}
    lost = only_use(machine, Outcome(chosen=None, refused=refused))
    assert (lost.code, lost.name) == (UseCode.RACE_CRASHED, "Vulkan0")


_LAVAPIPE = replace(
    _VULKAN, description="llvmpipe (LLVM 15.0.6)", pci_address=None, is_software=True
)


def test_mesa_on_the_processor_is_not_taken_for_the_gpu() -> None:
    machine = machine_with(card(driver=None), _LAVAPIPE)
    gpu, software = device_uses(machine, runs_on_gpu=True)
    assert gpu.code is UseCode.NO_DRIVER
    assert (software.code, software.device) == (UseCode.SOFTWARE, _LAVAPIPE)
    assert shares_main_memory(machine, _LAVAPIPE)
    assert best_gpu(machine.devices) is None


def test_mesa_on_the_processor_says_what_it_is_and_what_became_of_it() -> None:
    machine = replace(machine_with(card(), _LAVAPIPE), gpus=())
    choice = choose(machine, load_profiles(default_profiles_dir()))
    assert choice.profile.run.layers_on_gpu == "none"
    assert (
        "GPU: Vulkan0 [llvmpipe (LLVM 15.0.6)], software on the processor: not used: it is no GPU, "
        "but a program on the processor that poses as one. Take it out of GGML_VK_VISIBLE_DEVICES; "
        "install the GPU's own driver if there is a GPU (software)"
    ) in explain(machine, choice)
    lost = Outcome(chosen=None, refused={"Vulkan0": UseCode.PROCESSOR_FASTER})
    assert only_use(machine, lost).code is UseCode.PROCESSOR_FASTER
    assert only_use(machine, Outcome(chosen="Vulkan0")).code is UseCode.USED


def test_a_gpu_on_no_bus_is_the_one_that_llama_cpp_means() -> None:
    orin = SocDevice(
        kind="gpu", address="17000000.gpu", compatible=("nvidia,ga10b",), driver="gk20a"
    )
    # CUDA gives Tegra's GPU an address on a bus that has none.
    cuda = replace(_VULKAN, name="CUDA0", type=DeviceType.IGPU, pci_address="0000:00:00.0")
    use = only_use(machine_with(orin, cuda))
    assert (use.code, use.name, use.backends) == (UseCode.USED, "CUDA0", ("CUDA",))


def test_memory_is_counted_once_even_where_llama_cpp_calls_the_gpu_a_card() -> None:
    spark = detect(_MACHINES / "dgx-spark")
    assert spark.devices is not None
    as_card = replace(spark.devices[0], type=DeviceType.GPU)
    assert shares_main_memory(spark, as_card)
    machine = replace(spark, devices=(as_card, *spark.devices[1:]))
    header = replace(
        read_header(factory_model_path()), weights_bytes=100 * 2**30, block_bytes=100 * 2**30
    )
    profile = choose(machine, load_profiles(default_profiles_dir())).profile
    # More than half of the memory: twice of what is there would be given out otherwise.
    with pytest.raises(ModelLoadError, match="smaller model"):
        fit(machine, profile, replace(header, weights_bytes=200 * 2**30, block_bytes=100 * 2**30))
    assert fit(machine, profile, header).n_gpu_layers > 0
    assert not shares_main_memory(machine_with(card(integrated=False), _VULKAN), _VULKAN)


@pytest.mark.parametrize(
    ("facts", "backends", "code", "state"),
    [
        ({"driver": None}, ("OPENVINO",), UseCode.NPU_NO_DRIVER, NpuState.DRIVER_MISSING),
        ({}, ("CPU",), UseCode.NPU_NO_BACKEND, NpuState.PRESENT),
        ({"node": None}, ("OPENVINO",), UseCode.NPU_NO_NODE, NpuState.PRESENT),
        ({"access": Access.FORBIDDEN}, ("OPENVINO",), UseCode.NPU_FORBIDDEN, NpuState.PRESENT),
        ({}, ("OPENVINO",), UseCode.NPU_NOT_CHOSEN, NpuState.USABLE),
        ({"vendor_id": "1022"}, ("OPENVINO",), UseCode.NPU_NO_BACKEND, NpuState.PRESENT),
    ],
)
def test_an_npu_is_in_one_of_three_states(
    facts: dict[str, object], backends: tuple[str, ...], code: UseCode, state: NpuState
) -> None:
    npu = card(
        **{"vendor_id": "8086", "device_id": "7d1d", "driver": "intel_vpu", "node": "accel0"}
        | facts
    )
    machine = Machine(gpus=(), npus=(npu,), devices=(_CPU,), backends=backends)
    use = only_use(machine)
    assert (use.code, use.npu_state) == (code, state)

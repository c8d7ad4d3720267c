# SPDX-License-Identifier: Apache-2.0
import importlib.util
import os
import select
import signal
import sys
from pathlib import Path

import pytest

from atre.backend_libraries import hiding
from atre.hardware.ask import ask
from atre.hardware.choose import choose
from atre.hardware.detect import detect
from atre.hardware.devices import DeviceReport, ask_devices
from atre.hardware.explain import explain
from atre.hardware.machine import DeviceType, Issue, IssueCode
from atre.hardware.profiles import load_profiles

_PROFILES = load_profiles(Path(__file__).parents[2] / "hardware-profiles")


def child(program: str) -> tuple[str, ...]:
    return (sys.executable, "-c", program)


def only_issue(report: DeviceReport) -> Issue:
    assert report.devices == ()
    (issue,) = report.issues
    return issue


def test_a_driver_that_aborts_gives_a_processor_profile_and_a_reason() -> None:
    found = detect(devices=lambda: ask_devices(child("import os; os.abort()")))
    crashed = [issue for issue in found.issues if issue.code is IssueCode.CRASHED]
    assert len(crashed) == 1
    assert "signal 6" in crashed[0].detail
    choice = choose(found, _PROFILES)
    assert choice.profile.run.layers_on_gpu == "none"
    assert any("signal 6" in line for line in explain(found, choice))


def test_a_driver_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    # The grandchild holds the only writing end of a FIFO, so its death is the end of that file.
    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    program = (
        "import os, signal, subprocess, sys\n"
        f"end = os.open({str(fifo)!r}, os.O_WRONLY)\n"
        "os.write(end, b'up')\n"
        "wait = [sys.executable, '-c', 'import signal; signal.pause()']\n"
        "subprocess.Popen(wait, pass_fds=(end,))\n"
        "signal.pause()"
    )
    try:
        issue = ask(child(program), 2.0)
        assert isinstance(issue, Issue)
        assert issue.code is IssueCode.TIMED_OUT
        assert issue.detail == "no answer within 2 s"
        assert os.read(reader, 2) == b"up"
        assert select.select([reader], [], [], 30)[0]
        assert os.read(reader, 1) == b""
    finally:
        os.close(reader)


# Answers like a llama.cpp whose Vulkan driver aborts, or hangs, whoever starts it.
_BAD_VULKAN = """
import os, signal, sys
if "GGML_DISABLE_VULKAN" not in os.environ:
    {bad}
print('{{"devices": [{{"name": "CPU", "description": "", "type": "cpu"}}], "backends": ["CPU"]}}')
"""


@pytest.mark.parametrize(
    ("bad", "code"),
    [("os.abort()", IssueCode.CRASHED), ("signal.pause()", IssueCode.TIMED_OUT)],
)
def test_one_bad_driver_is_named_and_costs_no_other_device(bad: str, code: IssueCode) -> None:
    report = ask_devices(child(_BAD_VULKAN.format(bad=bad)), time_limit_s=3.0)
    assert [device.type for device in report.devices] == [DeviceType.CPU]
    assert report.hidden_backends == ("Vulkan",)
    assert [issue.code for issue in report.issues] == [code]
    assert hiding(report.hidden_backends) == {"GGML_DISABLE_VULKAN": "1"}


def test_a_driver_that_hangs_under_every_setting_gives_a_processor_profile() -> None:
    issue = only_issue(ask_devices(child("import signal; signal.pause()"), time_limit_s=0.5))
    assert issue.code is IssueCode.TIMED_OUT


def test_a_child_is_ended_when_the_person_interrupts(tmp_path: Path) -> None:
    class InterruptedHereError(Exception):
        pass

    def interrupt(*_: object) -> None:
        raise InterruptedHereError

    fifo = tmp_path / "alive"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    program = (
        "import os, signal\n"
        f"end = os.open({str(fifo)!r}, os.O_WRONLY)\n"
        "os.kill(os.getppid(), signal.SIGUSR1)\n"
        "signal.pause()"
    )
    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with pytest.raises(InterruptedHereError):
            ask(child(program), 60.0)
        assert select.select([reader], [], [], 30)[0]
        assert os.read(reader, 1) == b""
    finally:
        signal.signal(signal.SIGUSR1, before)
        os.close(reader)


def test_an_answer_that_is_no_report_is_an_issue() -> None:
    for program in ("print('hello')", "print('{\"devices\": 3}')", "pass"):
        assert only_issue(ask_devices(child(program))).code is IssueCode.MALFORMED
    binary = child("import sys; sys.stdout.buffer.write(bytes(range(256)))")
    assert only_issue(ask_devices(binary)).code is IssueCode.MALFORMED


def test_a_child_that_raises_gives_its_last_line() -> None:
    issue = only_issue(ask_devices(child("raise ImportError('no llama_cpp here')")))
    assert issue.code is IssueCode.FAILED
    assert issue.detail == "ImportError: no llama_cpp here"


def test_a_program_that_is_missing_gives_a_reason(tmp_path: Path) -> None:
    answer = ask((str(tmp_path / "none"), "argument"), 1.0)
    assert isinstance(answer, Issue)
    assert answer.code is IssueCode.FAILED


def test_an_endless_answer_is_cut_and_refused() -> None:
    program = child("import sys; sys.stdout.write('[' * 3_000_000)")
    answer = ask(program, 30.0)
    assert isinstance(answer, bytes)
    assert len(answer) == 2**20
    assert only_issue(ask_devices(program)).code is IssueCode.MALFORMED


@pytest.mark.skipif(
    importlib.util.find_spec("llama_cpp") is None, reason="llama-cpp-python is not installed"
)
def test_the_installed_llama_cpp_reports_its_processor_device() -> None:
    report = ask_devices()
    assert report.issues == ()
    (cpu,) = [device for device in report.devices if device.type is DeviceType.CPU]
    assert cpu.memory_total_bytes is not None
    assert report.cpu_features
    assert report.backends is not None
    assert cpu.backend in report.backends

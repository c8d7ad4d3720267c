# SPDX-License-Identifier: Apache-2.0
"""What the files of image-build say to each other; building the image takes half an hour."""

import configparser
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from tests.unit.exposure import assert_exposed_at_most, needs_systemd

BUILD = Path(__file__).parents[2] / "image-build"
MIB = 2**20
SHELL = sorted(
    path for path in BUILD.rglob("*")
    if path.is_file() and path.read_bytes()[:12].startswith((b"#!/bin/bash", b"#!/usr/bin/e"))
)  # fmt: skip


def partitions() -> dict[str, tuple[int, int]]:
    """Number and size in bytes of each partition, by label."""
    found = {}
    for number, path in enumerate(sorted((BUILD / "disk.d").glob("*.conf")), start=1):
        text = path.read_text()
        label = re.search(r"^Label=(.+)$", text, flags=re.MULTILINE)
        sizes = set(re.findall(r"^Size(?:Min|Max)Bytes=(\d+)M$", text, flags=re.MULTILINE))
        assert label
        assert len(sizes) == 1, f"{path.name}: a slot has one size"
        assert path.name.startswith(f"{number}-"), path.name
        found[label[1]] = (number, int(sizes.pop()) * MIB)
    return found


def test_the_loader_and_the_slots_find_their_partitions_by_the_right_number() -> None:
    numbers = {label: number for label, (number, _) in partitions().items()}
    rule = (BUILD / "boot/grub.cfg").read_text()
    for slot in "ab":
        assert f'set atre_{slot}="($atre_disk,gpt{numbers[f"boot-{slot}"]})"' in rule
    slot_b, slot_a = (BUILD / "steps/slot.sh").read_text().split("else\n")[:2]
    for slot, text in (("a", slot_a), ("b", slot_b)):
        for variable, kind in (("data", "root"), ("hash", "verity")):
            number = numbers[f"{kind}-{slot}"]
            assert f'--set=atre_{variable} --part-uuid "(\\$atre_disk,gpt{number})"' in text


def test_both_slots_have_the_same_room_and_the_hashes_fit() -> None:
    sizes = {label: size for label, (_, size) in partitions().items()}
    for kind in ("boot", "root", "verity"):
        assert sizes[f"{kind}-a"] == sizes[f"{kind}-b"]
    blocks = sizes["root-a"] / 4096
    # A hash of 32 bytes for each block, and again for each block of hashes.
    assert blocks * 32 * (1 + 1 / 128 + 1 / 128**2) + 4096 < sizes["verity-a"]


def test_a_bundle_brings_what_the_slots_take() -> None:
    system = configparser.ConfigParser(comment_prefixes=("#",))
    system.read(BUILD / "rauc/system.conf")
    wanted = {name.split(".")[1] for name in system.sections() if name.startswith("slot.")}
    manifest = subprocess.run(
        [sys.executable, BUILD / "rauc/manifest.py", "1.2.3"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert set(re.findall(r"^\[image\.(\w+)\]$", manifest, flags=re.MULTILINE)) == wanted
    files = set(re.findall(r"^filename=(.+)$", manifest, flags=re.MULTILINE))
    assert f"for image in {' '.join(sorted(files))}; do" in (BUILD / "steps/bundle.sh").read_text()
    labels = {
        system[name]["device"].rsplit("/", 1)[1] for name in system.sections() if "slot" in name
    }
    assert labels == set(partitions()) - {"esp"}


ARCHITECTURES = sorted(path.stem for path in (BUILD / "architectures").glob("*.env"))


def settings(architecture: str) -> dict[str, str]:
    text = (BUILD / f"architectures/{architecture}.env").read_text()
    return dict(re.findall(r"^(ATRE_\w+)=(\S+)$", text, flags=re.MULTILINE))


def packages(kind: str, architecture: str) -> list[str]:
    texts = [(BUILD / f"{kind}{middle}.txt").read_text() for middle in ("", f".{architecture}")]
    return re.findall(r"^[a-z0-9][\w.+-]+$", "\n".join(texts), flags=re.MULTILINE)


def test_both_architectures_say_the_same_things_of_themselves() -> None:
    assert ARCHITECTURES == ["amd64", "arm64"]
    amd64, arm64 = map(settings, ARCHITECTURES)
    assert amd64.keys() == arm64.keys()
    assert not set(amd64.items()) & set(arm64.items())
    # The names that firmware looks for: UEFI 2.10, 3.5.1.1.
    assert (amd64["ATRE_LOADER"], arm64["ATRE_LOADER"]) == ("BOOTX64.EFI", "BOOTAA64.EFI")
    used = set(re.findall(r"\bATRE_[A-Z]+", _definition()))
    assert amd64.keys() <= used, "nothing is set that nothing reads"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_an_architecture_has_its_own_kernel_and_loader_once(architecture: str) -> None:
    of_image, of_tools = (
        packages("packages", architecture),
        packages("tools-packages", architecture),
    )
    for each in (of_image, of_tools):
        assert len(each) == len(set(each))
    assert f"linux-image-{architecture}" in of_image
    loaders = {name for name in of_tools if name.startswith("grub-efi-")}
    assert loaders == {f"grub-efi-{architecture}-bin"}
    assert settings(architecture)["ATRE_GRUB"].endswith("-efi")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_bundle_is_taken_by_boxes_of_its_own_architecture(architecture: str) -> None:
    machine = settings(architecture)["ATRE_MACHINE"]
    manifest = subprocess.run(
        [sys.executable, BUILD / "rauc/manifest.py", "1.2.3"],
        capture_output=True, text=True, check=True, env=os.environ | {"ATRE_MACHINE": machine},
    ).stdout  # fmt: skip
    root, rauc = (BUILD / name for name in ("steps/root.sh", "rauc/system.conf"))
    (program,) = re.findall(r'^sed "(.+)" \S+system\.conf', root.read_text(), flags=re.MULTILINE)
    system = subprocess.run(
        ["sed", program.replace("$ATRE_MACHINE", machine), rauc],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    for text in (manifest, system):
        assert re.findall("^compatible=(.+)$", text, flags=re.MULTILINE) == [f"atre-{machine}"]


def test_no_step_names_an_architecture_itself() -> None:
    named = re.findall(r"^.*(?:x86.64|amd64|aarch64|arm64|BOOTX64).*$", _definition(), re.MULTILINE)
    # But for what manifest.py and inventory.py take where nobody says.
    assert not [line for line in named if "'x86-64'" not in line and '"x86-64"' not in line]


def _definition() -> str:
    """Everything that builds the image and is the same for each architecture."""
    places = ["*.sh", "enter", "*.py", "steps/*", "disk.d/*", "data.d/*/*", "rauc/*", "boot/*"]
    return "\n".join(path.read_text() for place in places for path in sorted(BUILD.glob(place)))


def test_another_architecture_is_refused_in_words() -> None:
    done = subprocess.run(
        [BUILD / "build.sh"], env=os.environ | {"ATRE_ARCH": "s390x"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "no definition for s390x" in done.stderr


@pytest.mark.skipif(not shutil.which("grub-script-check"), reason="grub-common is not installed")
@pytest.mark.parametrize("name", ["grub.cfg", "early.cfg"])
def test_grub_understands_every_line(name: str) -> None:
    done = subprocess.run(
        ["grub-script-check", BUILD / "boot" / name], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@needs_systemd
def test_systemd_understands_the_image_s_own_units(tmp_path: Path) -> None:
    units = sorted((BUILD / "root").rglob("*/systemd/system/*"))
    assert {"atre-ready.service", "media.mount"} <= {path.name for path in units}
    for path in units:
        text = re.sub(r"(?m)^(ExecStart(?:Pre)?=)\S+", r"\1/bin/true", path.read_text())
        (tmp_path / path.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *tmp_path.iterdir()],
        env=os.environ | {"SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not [line for line in done.stderr.splitlines() if str(tmp_path) in line]
    assert_exposed_at_most(tmp_path / "atre-ready.service", 20)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_nothing_to_log_in_with_or_to_build_with_is_in_the_image(architecture: str) -> None:
    of_image = set(packages("packages", architecture))
    assert {
        "rauc",
        "rauc-service",
        "restic",
        "chrony",
        "udisks2",
        "smartmontools",
        "nut-server",
    } <= of_image
    assert (
        not {"openssh-server", "dropbear", "gcc", "build-essential", "python3-pip", "sudo"}
        & of_image
    )
    # One responder for names on the LAN, and one holder of the certificate's key: the box's own.
    assert not {name for name in of_image if name.startswith(("avahi", "nginx"))}


@pytest.mark.parametrize("path", SHELL, ids=lambda path: path.name)
def test_a_script_of_the_build_is_sound(path: Path) -> None:
    subprocess.run(["bash", "-n", path], check=True)
    if shutil.which("shellcheck"):
        done = subprocess.run(
            ["shellcheck", path], capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def inventory() -> ModuleType:
    spec = importlib.util.spec_from_file_location("image_inventory", BUILD / "inventory.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


def test_the_inventory_names_what_is_installed_with_its_hash(
    inventory: ModuleType, tmp_path: Path
) -> None:
    root, lists = tmp_path / "root", tmp_path / "lists"
    (root / "usr/share/atre").mkdir(parents=True)
    (root / "usr/share/doc/zlib1g").mkdir(parents=True)
    lists.mkdir()
    (root / "usr/share/atre/packages").write_text(
        "Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:1.3\n\n"
        "Package: apt\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 3.0\n"
    )
    (root / "usr/share/doc/zlib1g/copyright").write_text("Files: *\nLicense: Zlib\n text\n")
    (lists / "x_Packages").write_text("Package: zlib1g\nVersion: 1:1.3\nSHA256: abc\n")
    (found,) = inventory.debian_packages(root, lists)
    assert (found.name, found.sha256, found.licences) == ("zlib1g", "abc", ("Zlib",))
    sbom = inventory.cyclonedx([found], "1")
    assert sbom["specVersion"] == "1.6"
    assert sbom["components"] == [
        {
            "type": "library", "name": "zlib1g", "version": "1:1.3",
            "purl": "pkg:deb/debian/zlib1g@1:1.3?arch=amd64&distro=debian-13",
            "bom-ref": "pkg:deb/debian/zlib1g@1:1.3?arch=amd64&distro=debian-13",
            "hashes": [{"alg": "SHA-256", "content": "abc"}],
            "licenses": [{"license": {"name": "Zlib"}}],
        }
    ]  # fmt: skip


def test_a_licence_that_is_not_named_is_not_made_up(inventory: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "bash" / "copyright"
    file.parent.mkdir()
    file.write_text("This is free software.\n")
    assert inventory.debian_licences(file) == ("see bash/copyright",)
    assert inventory.python_licences({"License": "x" * 5000}, []) == ("see its METADATA",)
    assert inventory.python_licences({}, ["License :: OSI Approved :: MIT License"]) == (
        "MIT License",
    )

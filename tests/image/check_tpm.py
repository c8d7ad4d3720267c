# SPDX-License-Identifier: Apache-2.0
"""With a TPM2 the office's data is encrypted, and only its own chip opens it, or the recovery key.

Three starts: the first makes the data, the second is another machine with this disk, the third is
the first machine again.
"""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.image.conftest import BUILD
from tests.image.first_start import wait_until_ready
from tests.image.guest import powered_on
from tests.image.machine import Machine, flashed
from tests.image.panel import Panel
from tests.image.report import Report
from tests.image.shell import CREDENTIALS, Shell

_HEADER_BYTES = 32 * 2**20
_KEPT = "/var/lib/atre-recovery/key"
_GIVEN = "/run/credentials/atre.service/atre.disk-key"

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("swtpm", "cryptsetup", "sfdisk"))),
    reason="not installed: swtpm, cryptsetup-bin or fdisk",
)


def test_only_its_own_chip_or_the_recovery_key_opens_the_data(
    disks: Path, tmp_path: Path, limit_s: float, report: Report
) -> None:
    disk = flashed(BUILD / "disk.raw", disks / "encrypted.raw")
    own, another = (
        Machine(disk=disk, work=tmp_path, credentials=CREDENTIALS, tpm=tmp_path / name)
        for name in ("own", "another")
    )

    with powered_on(own) as guest, Shell(own.shell) as shell:
        made = wait_until_ready(guest, limit_s=limit_s)
        assert made.data == "encrypted"
        key = shell.must(f"cat {_KEPT}")
        assert shell.must(f"cat {_GIVEN}") == key, "the box can show it"
        assert shell.must(f"stat -c %a:%U {_KEPT}") == "600:root"
        box = shell.must("cat /var/lib/atre/state/box-id")
        guest.press_power_button(limit_s=limit_s)

    header = luks_header(disk, tmp_path / "header")
    assert tokens(header) == {"systemd-tpm2", "systemd-recovery"}
    assert opens(header, key)
    assert not opens(header, key[::-1])

    with powered_on(another) as guest, Shell(another.shell) as shell:
        locked = wait_until_ready(guest, limit_s=limit_s)
        assert locked.data == "locked"
        assert "(TPM)" in shell.must("cat /dev/vcs1"), "its screen says why"
        assert "(TPM)" in Panel(another).get("/claim").body.decode(), "so does its panel"
        guest.press_power_button(limit_s=limit_s)

    with powered_on(own) as guest, Shell(own.shell) as shell:
        opened = wait_until_ready(guest, limit_s=limit_s)
        assert opened.data == "encrypted"
        assert shell.must("cat /var/lib/atre/state/box-id") == box, "nothing was lost meanwhile"
        assert shell.must(f"cat {_KEPT}") == key
        guest.press_power_button(limit_s=limit_s)
    for name, start in (("made", made), ("locked", locked), ("opened", opened)):
        report.note(
            f"encrypted data, {name}", ready_s=start.after_s, by_its_clock_s=start.by_its_clock_s
        )


def luks_header(disk: Path, header: Path) -> Path:
    """The beginning of the partition "data", in a file of its own."""
    table = json.loads(run("sfdisk", "--json", disk))["partitiontable"]
    (data,) = (each for each in table["partitions"] if each.get("name") == "data")
    with disk.open("rb") as source:
        source.seek(data["start"] * table["sectorsize"])
        header.write_bytes(source.read(_HEADER_BYTES))
    return header


def tokens(header: Path) -> set[str]:
    """What the header says that opens it, beside plain keys."""
    told = json.loads(run("cryptsetup", "luksDump", "--dump-json-metadata", header))
    return {each["type"] for each in told["tokens"].values()}


def opens(header: Path, key: str) -> bool:
    done = subprocess.run(
        ["cryptsetup", "open", "--test-passphrase", "--key-file=-", header],
        input=key.encode(), capture_output=True, check=False,
    )  # fmt: skip
    return done.returncode == 0


def run(*argv: str | Path) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

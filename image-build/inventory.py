# SPDX-License-Identifier: Apache-2.0
"""What the image is made of, from its own root: SBOM (CycloneDX 1.6), hashes and licences.

``python3 image-build/inventory.py BUILD VERSION`` writes three files into ``BUILD/out``. It needs
nothing but Python, since it runs before anything of this project is installed.
"""

import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.parser import HeaderParser
from pathlib import Path

# Of image-build/architectures; build.sh sets it.
MACHINE = os.environ.get("ATRE_MACHINE", "x86-64")
_LONGEST_NAME = 80  # in characters; some packages put the whole text there


@dataclass(frozen=True, kw_only=True)
class Component:
    """One thing in the image; ``sha256`` is that of the file it came in, "" if it had none."""

    name: str
    version: str
    purl: str
    sha256: str
    kind: str = "library"
    licences: tuple[str, ...] = field(default=())


def stanzas(text: str) -> Iterator[dict[str, str]]:
    """The paragraphs of a Debian control file (deb822), without continued lines."""
    for paragraph in text.split("\n\n"):
        fields = re.findall(r"^([\w-]+): *(.*)$", paragraph, flags=re.MULTILINE)
        if fields:
            yield dict(fields)


def debian_hashes(lists: Path) -> dict[tuple[str, str], str]:
    """SHA-256 of each .deb by name and version, as the signed lists of the archive say."""
    found = {}
    for path in lists.glob("*_Packages"):
        for each in stanzas(path.read_text()):
            found[each["Package"], each["Version"]] = each["SHA256"]
    return found


def debian_licences(copyright_file: Path) -> tuple[str, ...]:
    """The licences that a machine-readable copyright file names (DEP 5); others are to be read."""
    if not copyright_file.is_file():
        return ()
    text = copyright_file.read_text(errors="replace")
    names = {name.strip() for name in re.findall(r"^License: *(\S.*)$", text, flags=re.MULTILINE)}
    return tuple(sorted(names)) or (f"see {copyright_file.parent.name}/copyright",)


def debian_packages(root: Path, lists: Path) -> Iterator[Component]:
    hashes = debian_hashes(lists)
    for each in stanzas((root / "usr/share/atre/packages").read_text()):
        if not each.get("Status", "").endswith(" ok installed"):
            continue
        name, version = each["Package"], each["Version"]
        yield Component(
            name=name,
            version=version,
            purl=f"pkg:deb/debian/{name}@{version}?arch={each['Architecture']}&distro=debian-13",
            sha256=hashes.get((name, version), ""),
            licences=debian_licences(root / "usr/share/doc" / name / "copyright"),
        )


def python_licences(metadata: dict[str, str], classifiers: list[str]) -> tuple[str, ...]:
    expression = metadata.get("License-Expression") or metadata.get("License", "")
    if expression and len(expression) <= _LONGEST_NAME and "\n" not in expression:
        return (expression,)
    names = [name.rsplit(" :: ", 1)[-1] for name in classifiers if name.startswith("License ::")]
    return tuple(names) or ("see its METADATA",)


def python_packages(root: Path, wheels: Path) -> Iterator[Component]:
    files = {
        re.sub(r"[-_.]+", "-", path.name.split("-")[0]).lower(): sha256_of(path)
        for path in wheels.glob("*.whl")
    }
    for path in sorted(root.glob("opt/atre/.venv/lib/python3*/site-packages/*.dist-info/METADATA")):
        message = HeaderParser().parsestr(path.read_text())
        name = re.sub(r"[-_.]+", "-", message["Name"]).lower()
        yield Component(
            name=name,
            version=message["Version"],
            purl=f"pkg:pypi/{name}@{message['Version']}",
            sha256=files.get(name, ""),
            licences=python_licences(dict(message.items()), message.get_all("Classifier", [])),
        )


def factory_model(root: Path) -> Iterator[Component]:
    for path in root.glob("opt/atre/.venv/lib/python3*/site-packages/atre/models/factory.gguf"):
        digest = sha256_of(path)
        yield Component(
            name="factory-model", version=digest[:12], purl="", sha256=digest,
            kind="machine-learning-model", licences=("Apache-2.0",),
        )  # fmt: skip


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cyclonedx(components: list[Component], version: str) -> dict[str, object]:
    """A bill of materials in CycloneDX's JSON: https://cyclonedx.org/docs/1.6/json/."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "operating-system", "name": "atre", "version": version}},
        "components": [as_cyclonedx(each) for each in components],
    }


def as_cyclonedx(each: Component) -> dict[str, object]:
    found: dict[str, object] = {"type": each.kind, "name": each.name, "version": each.version}
    if each.purl:
        found["purl"] = found["bom-ref"] = each.purl
    if each.sha256:
        found["hashes"] = [{"alg": "SHA-256", "content": each.sha256}]
    if each.licences:
        found["licenses"] = [{"license": {"name": name}} for name in each.licences]
    return found


def licence_report(components: list[Component]) -> str:
    lines = ["name\tversion\tlicences"]
    lines += [f"{each.name}\t{each.version}\t{', '.join(each.licences)}" for each in components]
    return "\n".join(lines) + "\n"


def hash_list(components: list[Component]) -> str:
    lines = [f"{each.sha256 or '-':64}  {each.name} {each.version}" for each in components]
    return "\n".join(lines) + "\n"


def main(build: Path, version: str) -> None:
    root = build / "root"
    components = [
        *debian_packages(root, build / "base/var/lib/apt/lists"),
        *python_packages(root, build / "wheels"),
        *factory_model(root),
    ]
    stem = f"atre-{version}-{MACHINE}"
    out = build / "out"
    sbom = json.dumps(cyclonedx(components, version), indent=1, ensure_ascii=False)
    (out / f"{stem}.cdx.json").write_text(f"{sbom}\n")
    (out / f"{stem}.licences.tsv").write_text(licence_report(components))
    (out / f"{stem}.packages.txt").write_text(hash_list(components))
    without = sum(not each.sha256 for each in components)
    print(f"{len(components)} components, {without} without the hash of a file they came in")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])

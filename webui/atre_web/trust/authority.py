# SPDX-License-Identifier: Apache-2.0
"""The box's authority, in the formats in which systems want it."""

import hashlib
import plistlib
import ssl
import uuid
from dataclasses import dataclass
from pathlib import Path

from atre.certificate.files import authority_file
from atre.errors import EngineUnavailableError

# Names of ours for uuid5, so that a profile that is installed again replaces the earlier one.
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "atre:mobileconfig")


@dataclass(frozen=True, slots=True)
class Authority:
    """Reads the authority anew each time: `atre certificate reset --authority` replaces it."""

    tls_dir: Path

    def pem(self) -> bytes:
        """PEM. Raises EngineUnavailableError as long as the box has made none."""
        try:
            return authority_file(self.tls_dir).read_bytes()
        except OSError as error:
            raise EngineUnavailableError(
                "The box has no certificate yet. Try again in a few seconds."
            ) from error

    def der(self) -> bytes:
        """DER, as Windows writes it."""
        return ssl.PEM_cert_to_DER_cert(self.pem().decode("ascii"))

    def sha256(self) -> str:
        """The fingerprint in hex: what people compare."""
        return hashlib.sha256(self.der()).hexdigest()

    def profile(self, *, title: str, description: str) -> bytes:
        """A configuration profile of iOS and macOS with the authority as a root certificate.

        The format is Apple's "Configuration Profile Reference", payload com.apple.security.root.
        """
        digest = self.sha256()
        root = {
            "PayloadType": "com.apple.security.root",
            "PayloadVersion": 1,
            "PayloadIdentifier": f"atre.{digest[:16]}.root",
            "PayloadUUID": _uuid(f"{digest} root"),
            "PayloadDisplayName": title,
            "PayloadCertificateFileName": "atre-ca.cer",
            "PayloadContent": self.der(),
        }
        return plistlib.dumps(
            {
                "PayloadType": "Configuration",
                "PayloadVersion": 1,
                "PayloadIdentifier": f"atre.{digest[:16]}",
                "PayloadUUID": _uuid(digest),
                "PayloadDisplayName": title,
                "PayloadDescription": description,
                "PayloadContent": [root],
            }
        )


def _uuid(name: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, name)).upper()

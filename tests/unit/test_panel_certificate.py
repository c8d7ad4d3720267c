# SPDX-License-Identifier: Apache-2.0
"""What the status page says of the certificate and of the port in clear."""

from typing import Any

import pytest
from flask import Flask

from atre.ipc.messages import BoxDescription, CertificateSource, DiscoveryState
from atre.sentence import NOTHING, Sentence
from atre_web.office.findings import Facts, findings
from atre_web.panel import facts, language
from atre_web.panel.snapshot import Snapshot


def described(**changes: Any) -> BoxDescription:
    return BoxDescription(
        version="0.1.0", mdns_name=None, addresses=[], lan_port=8443,
        discovery=DiscoveryState.ANNOUNCED, detail="", responder="", certificate_sha256="ab" * 32,
        profile="", profile_fr="", profile_reason="", profile_reason_fr="", issues=[], **changes,
    )  # fmt: skip


def said(box: BoxDescription, *, lang: str = "fr") -> tuple[dict[str, str], str]:
    """The figures, and all that is wrong."""
    app = Flask("atre_web")
    language.install(app)
    now = Snapshot(
        engine=None, engine_problem=NOTHING, embedder=None, embedder_problem=NOTHING, box=box,
        num_people=0, free_bytes=None, space=None, now=0.0,
    )  # fmt: skip
    found = findings(
        Facts(
            engine=None, engine_problem=NOTHING, embedder_problem=NOTHING, box=box,
            is_factory=False, free_bytes=None, space=None, now=0.0, latest_known=None,
            is_claimed=True, num_people=2, num_invitations=0,
        )
    )  # fmt: skip
    with app.test_request_context(f"/?lang={lang}"):
        return facts.fields(now), " ".join(facts.issues(found))


def test_whose_it_is_and_until_when() -> None:
    fields, _ = said(described(certificate_ends_at=1.8e9, authority_sha256="0123abcd" * 8))
    assert fields["certificate"] == "Du boîtier, renouvelé avant le 15 janvier 2027"
    assert fields["authority"].startswith("0123 ABCD 0123")
    imported = described(certificate_ends_at=1.8e9, certificate_source=CertificateSource.IMPORTED)
    assert said(imported, lang="en")[0]["certificate"] == "Imported, valid until January 15, 2027"
    assert said(described())[0]["certificate"] == "—"


@pytest.mark.parametrize(("lang", "text"), [("fr", "Usé."), ("en", "Old.")])
def test_notices_come_in_the_readers_language(lang: str, text: str) -> None:
    assert text in said(described(notices=[Sentence("Old.", "Usé.")]), lang=lang)[1]


@pytest.mark.parametrize(("lang", "text"), [("fr", "sans chiffrement"), ("en", "without enc")])
def test_the_api_in_clear_is_warned_of(lang: str, text: str) -> None:
    assert text in said(described(http_port=8080, plain_http_api=True), lang=lang)[1]
    # A port that only explains is no reason to worry.
    assert text not in said(described(http_port=8080), lang=lang)[1]

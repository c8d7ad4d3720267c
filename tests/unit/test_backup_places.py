# SPDX-License-Identifier: Apache-2.0
"""The forms of places for backups: what is missing is said in the reader's words, and stays."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from tests.unit.test_restore_pages import OVERVIEW, Media

from atre.errors import MediaError
from atre.ipc.backup_replies import BackupOverview
from atre.ipc.media_messages import MediaRequest, Targets
from atre.sentence import Sentence
from atre_web.accounts.principal import Role

SERVER = {"host": "nas.local", "port": "22", "user": "atre", "path": "/srv/atre"}


class Places(Media):
    """Takes nothing."""

    def __init__(self) -> None:
        self.no_disks: Sentence | None = None

    def targets(self) -> Targets:
        return Targets(
            revision=1, targets=[], disks=[], no_disks=self.no_disks, sftp_key="ssh-ed25519 A"
        )

    def change(self, _request: MediaRequest) -> Targets:
        raise MediaError("That folder is not there.", "Ce dossier n’est pas là.")


class Overview:
    def describe(self, **_: float) -> BackupOverview:
        return OVERVIEW


@pytest.fixture
def places() -> Places:
    return Places()


@pytest.fixture
def manager(sign_in: Callable[[Role], FlaskClient], places: Places) -> FlaskClient:
    client = sign_in("manager")
    client.application.extensions |= {"atre.backups": Overview(), "atre.media": places}
    client.environ_base["HTTP_ACCEPT"] = "text/html"
    return client


@pytest.mark.parametrize(
    ("change", "french", "english"),
    [
        ({"host": " "}, "Écrivez le nom ou l’adresse du serveur", "the server’s name or address"),
        ({"host": "x" * 254}, "Écrivez le nom ou l’adresse", "the server’s name or address"),
        ({"port": "-5"}, "de 1 à 65535", "from 1 to 65535"),
        ({"port": "65536"}, "de 1 à 65535", "from 1 to 65535"),
        ({"user": ""}, "Écrivez le nom avec lequel", "the name with which the box"),
        ({"path": ""}, "Écrivez le dossier sur le serveur", "Write the folder on the server"),
    ],
)
def test_what_a_server_lacks_is_said_and_the_rest_stays(
    manager: FlaskClient, change: dict[str, str], french: str, english: str
) -> None:
    for language, words in (("fr", french), ("en", english)):
        manager.set_cookie("atre-language", language)
        form = SERVER | change
        answer = manager.post("/backups/targets/server", data=form)
        assert answer.status_code == 400
        assert words in answer.text
        assert "malformed" not in answer.text
        for value in {*form.values()} - {" ", ""}:
            assert f'value="{value}"' in answer.text


@pytest.mark.parametrize(
    ("form", "words"),
    [({"path": " "}, "Écrivez le chemin complet"), ({"path": "/nowhere"}, "Ce dossier n’est pas")],
)
def test_a_folder_that_is_refused_is_still_in_its_form(
    manager: FlaskClient, form: dict[str, Any], words: str
) -> None:
    manager.set_cookie("atre-language", "fr")
    typed = {"label": "Armoire", "mounted": "yes", **form}
    answer = manager.post("/backups/targets/folder", data=typed)
    assert answer.status_code == 400
    assert words in answer.text
    shown = answer.text.partition('action="/backups/targets/folder"')[2].partition("</form>")[0]
    assert f'value="{form["path"]}"' in shown
    assert 'value="Armoire"' in shown
    assert "checked" in shown


def test_nobody_is_told_to_plug_in_what_cannot_be_plugged_in(
    manager: FlaskClient, places: Places
) -> None:
    manager.set_cookie("atre-language", "fr")
    assert "Branchez un disque" not in OVERVIEW.program_problem_fr
    empty = manager.get("/backups").text
    places.no_disks = Sentence("No disks here.", "Pas de disque ici.")
    without = manager.get("/backups").text
    if not OVERVIEW.targets:
        assert "Branchez un disque" in empty
    assert "Branchez un disque" not in without
    assert "Pas de disque ici." in without

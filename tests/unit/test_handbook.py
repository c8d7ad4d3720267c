# SPDX-License-Identifier: Apache-2.0
"""The handbook's files, and that plain questions find their page."""

import re
import tomllib
from pathlib import Path

import click
import pytest

from atre.cli import main as atre
from atre.errors import ConfigError
from atre.handbook.handbook import Handbook
from atre.handbook.page import (
    default_handbook_dir,
    installed_handbook_dir,
    load_pages,
    page_name,
)
from atre.handbook.plain import plain

with pytest.MonkeyPatch.context() as _patch:
    _patch.syspath_prepend(str(Path(__file__).parents[2] / "image-build" / "reseller"))
    from reseller_kit.commands import kit as reseller_kit

DIRECTORY = default_handbook_dir()
FILES = sorted(DIRECTORY.glob("*/*.md"))
MAX_LINES = 40
ORDINARY_SPACE_BEFORE_MARK = re.compile(r" [;:!?»]|« ")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


@pytest.fixture(scope="module")
def handbook() -> Handbook:
    return Handbook(DIRECTORY)


def test_both_languages_have_the_same_pages() -> None:
    assert {path.name for path in DIRECTORY.iterdir()} == {"en", "fr"}
    names = {each: sorted(p.name for p in (DIRECTORY / each).iterdir()) for each in ("en", "fr")}
    assert names["en"] == names["fr"]
    assert len({page_name(name) for name in names["en"]}) == len(names["en"]) >= 12


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_page_is_short_and_holds_to_the_form(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    assert len(lines) <= MAX_LINES
    assert re.match(r"\d\d-[a-z0-9-]+\.md$", path.name)
    assert lines[0].startswith("# ")
    assert lines[1] == ""
    assert not any(line.startswith("# ") for line in CODE.sub("", text).splitlines()[1:])


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_page_names_only_commands_and_options_that_exist(path: Path) -> None:
    known = {
        option
        for verb in (*atre.commands.values(), reseller_kit)
        for command in (verb, *(verb.commands.values() if isinstance(verb, click.Group) else ()))
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    text = path.read_text(encoding="utf-8")
    code = "\n".join(CODE.findall(text))
    for verb in re.findall(r"\batre ([a-z]+)", code):
        # "systemctl start atre" is followed by the end of the code.
        assert verb in atre.commands, verb
    assert set(re.findall(r"--[a-z][a-z-]+", code)) <= known


@pytest.mark.parametrize("path", sorted((DIRECTORY / "fr").iterdir()), ids=lambda path: path.name)
def test_french_pages_have_french_typography(path: Path) -> None:
    prose = CODE.sub("`x`", path.read_text(encoding="utf-8"))
    assert not ORDINARY_SPACE_BEFORE_MARK.search(prose)
    assert "'" not in prose
    assert '"' not in prose


@pytest.mark.parametrize("path", sorted((DIRECTORY / "en").iterdir()), ids=lambda path: path.name)
def test_a_page_has_the_same_shape_in_both_languages(path: Path) -> None:
    def shape(language: str) -> list[str]:
        text = (DIRECTORY / language / path.name).read_text(encoding="utf-8")
        return re.findall(r"^(#+ |```|\| |- |\d+\. )|\]\(([^)]+)\)", text, flags=re.MULTILINE)

    assert shape("en") == shape("fr")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"no title\n", "the first line"),
        (b"", "the first line"),
        (b"\xff\xfe# x", "cannot be read"),
    ],
)
def test_a_broken_page_is_named(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "fr").mkdir()
    (tmp_path / "fr" / "01-a.md").write_bytes(content)
    with pytest.raises(ConfigError, match=f"01-a.md.*{why}"):
        load_pages(tmp_path)


def test_a_handbook_without_pages_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no page"):
        load_pages(tmp_path / "nowhere")


def test_plain_text_keeps_the_words_alone() -> None:
    markdown = "## A\n\n- **b** *b* [c](d.md)\n1. `e`\n\n```sh\nf --g\n```\n"
    assert plain(markdown).split() == ["A", "b", "b", "c", "e", "f", "--g"]


# As people ask, misspelt here and there; the page that must be among the first three.
QUESTIONS = {
    "fr": {
        "préparer plusieurs boîtiers pour des clients, étiquettes": "prepare-units",
        "quel disque usb brancher pour les sauvegardes": "backup-disk",
        "le disque est plein, plus de place": "full-disk",
        "tout effacer et repartir de zéro": "factory-reset",
        "donner une adresse fixe au boîtier": "fixed-address",
        "Comment installer une mise à jour depuis une clé USB ?": "update-the-box",
        "comment changer de modèle ?": "change-model",
        "je voudrais installer un modèle plus puissant": "change-model",
        "où mettre mon fichier gguf": "change-model",
        "à quelle adresse ouvrir le panneau depuis mon poste ?": "open-the-panel",
        "y a-t-il une application à installer": "open-the-panel",
        "mon lien de connexion a expiré": "log-in",
        "j'ai perdu ma clé": "api-key",
        "créer une clé d’API pour un collègue": "api-key",
        "comment supprimer la cle d'un salarié parti": "api-key",
        "alerte de sécurité sous Windows": "certificate-windows",
        "connexion non privée sur mon iPhone": "certificate-iphone",
        "installer le certificat sur un Mac": "certificate-macos",
        "certificat telephone android": "certificate-android",
        "brancher un client OpenAI en Python": "openai-client",
        "quelle base_url mettre": "openai-client",
        "embeddings": "embeddings",
        "pourquoi dois-je attendre mon tour ?": "queue",
        "position 3 dans la file": "queue",
        "mes données partent-elles sur internet ?": "privacy",
        "est-ce que les conversations sont enregistrées": "conversations",
        "retrouver une ancienne conversation": "conversations",
        "joindre un fichier csv": "attach-files",
        "garder un modèle de question": "prompts",
        "que veut dire le voyant": "status-page",
        "ma carte graphique est-elle reconnue": "check-the-hardware",
        "mesurer les performances, jetons par seconde": "measure-the-speed",
        "c'est trop lent": "measure-the-speed",
        "comment éteindre le boitier": "stop-and-restart",
        "lire le journal du service": "stop-and-restart",
        "mon téléphone ne trouve pas le boîtier": "box-not-found",
        "pare-feu, quel port ouvrir": "box-not-found",
        "pourquoi les réponses sont fausses": "factory-model",
        "peut-il traduire une lettre": "factory-model",
        "aller à la ligne dans ma question": "use-the-chat",
        "sauvegarder le dossier de données": "keep-the-data",
        "sauvegarde sur un disque": "back-up",
        "imprimer la feuille de récupération": "recovery-sheet",
        "restaurer sur un boîtier neuf": "restore",
        "est-ce gratuit, y a-t-il un abonnement": "about-atre",
        "changer mon mot de passe": "my-account",
        "fermer la session d'un téléphone perdu": "my-account",
        "où est le code de mise en service": "claim-the-box",
        "inviter une collègue": "invite-a-colleague",
        "limiter les jetons par jour d'une personne": "roles-and-limits",
        "fermer le compte d'un salarié parti": "roles-and-limits",
        "mot de passe oublié": "forgotten-password",
        "vendre le boîtier, nouveau propriétaire": "hand-over-the-box",
        "mettre le modèle en veille la nuit": "let-the-model-sleep",
        "adaptateur lora": "adapters",
        "certificat de notre propre autorité": "own-certificate",
        "combien le boîtier consomme d'électricité": "power",
        "langchain": "langchain",
        "relier n8n": "n8n",
        "utiliser Open WebUI": "open-webui",
        "macro pour LibreOffice Writer": "libreoffice",
        "que veut dire le triangle de l'accueil": "manage-the-box",
        "ne plus annoncer le boîtier": "network-address",
        "qui se sert le plus du boîtier": "usage",
        "exporter les chiffres dans un tableur": "usage",
        "changer le fuseau horaire": "office-settings",
        "redémarrer le moteur": "system-support",
        "registre de qui a fait quoi": "system-support",
    },
    "en": {
        "print labels and flash units for customers": "prepare-units",
        "which usb disk can I plug in for backups": "backup-disk",
        "the disk is full, no room left": "full-disk",
        "erase everything, factory reset": "factory-reset",
        "give the box a fixed address": "fixed-address",
        "How do I go back to the previous version?": "update-the-box",
        "how do I change the model?": "change-model",
        "install a bigger model": "change-model",
        "what address do I open on my laptop": "open-the-panel",
        "is there an app": "open-the-panel",
        "the login link expired": "log-in",
        "I lost my key": "api-key",
        "revoke the key of somebody who left": "api-key",
        "security warning on windows": "certificate-windows",
        "trust the certificate on my iPad": "certificate-iphone",
        "keychain on mac": "certificate-macos",
        "android phone certificate": "certificate-android",
        "base url for the openai python library": "openai-client",
        "vectors for semantic search": "embeddings",
        "why am I waiting in a queue": "queue",
        "does my data go to the cloud": "privacy",
        "are conversations stored": "conversations",
        "find an earlier conversation": "conversations",
        "attach a csv file": "attach-files",
        "keep a prompt": "prompts",
        "does it work without internet": "privacy",
        "what does the QR code on the status page do": "status-page",
        "is my GPU used": "check-the-hardware",
        "report a bug": "check-the-hardware",
        "benchmark tokens per second": "measure-the-speed",
        "it is too slow": "measure-the-speed",
        "how to shut it down": "stop-and-restart",
        "restart after a power cut": "stop-and-restart",
        "my phone cannot find the box": "box-not-found",
        "firewall ports": "box-not-found",
        "why are the answers wrong": "factory-model",
        "can it translate a letter": "factory-model",
        "regenerate an answer": "use-the-chat",
        "back up the data folder": "keep-the-data",
        "backup to a disk every night": "back-up",
        "print the recovery sheet": "recovery-sheet",
        "bring a backup back on a new box": "restore",
        "is it free, what does it cost": "about-atre",
        "change my password": "my-account",
        "log out a lost phone": "my-account",
        "where is the claim code": "claim-the-box",
        "invite somebody": "invite-a-colleague",
        "limit tokens a day for one person": "roles-and-limits",
        "make somebody a manager": "roles-and-limits",
        "I forgot my password": "forgotten-password",
        "give the box to a new owner": "hand-over-the-box",
        "put the model to sleep at night": "let-the-model-sleep",
        "use a lora adapter": "adapters",
        "certificate of our own authority": "own-certificate",
        "how much electricity does the box use": "power",
        "langchain": "langchain",
        "connect n8n": "n8n",
        "open webui connection": "open-webui",
        "libreoffice macro": "libreoffice",
        "what does the triangle on the home page mean": "manage-the-box",
        "stop announcing the box": "network-address",
        "who uses the box most": "usage",
        "export figures to a spreadsheet": "usage",
        "change the time zone": "office-settings",
        "restart the engine": "system-support",
        "register of who did what": "system-support",
    },
}


@pytest.mark.parametrize(
    ("language", "question", "expected"),
    [(language, *pair) for language, pairs in QUESTIONS.items() for pair in pairs.items()],
)
def test_a_question_finds_its_page(
    handbook: Handbook, language: str, question: str, expected: str
) -> None:
    names = [hit.id for hit in handbook.search(question, language, limit=3)]
    assert expected in names


def test_every_page_is_asked_for(handbook: Handbook) -> None:
    for language, questions in QUESTIONS.items():
        assert {page.name for page in handbook.pages(language)} == set(questions.values())


def test_a_question_in_the_other_language_finds_its_pages(handbook: Handbook) -> None:
    [first, *_] = handbook.search("shutdown keychain", "fr", limit=3)
    assert (first.id, first.language) == ("certificate-macos", "en")
    assert handbook.page(first.id, "fr") is not None
    assert handbook.search("zzyzx", "fr", limit=3) == []


def test_an_installed_box_looks_for_its_pages_where_the_wheel_has_them() -> None:
    root = Path(__file__).parents[2]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included == {
        "docs/handbook": installed_handbook_dir().relative_to(root / "daemon").as_posix()
    }

# SPDX-License-Identifier: Apache-2.0
"""What ``atre serve`` prints once it serves, in the language of the terminal."""

from atre.box.box import Started
from atre.sentence import NOTHING
from atre.terminal.language import in_french

_FRENCH = {
    "ready": "Âtre est prêt.",
    "model": "Modèle",
    "no_model": "Aucun modèle n’est chargé",
    "embedder": "Modèle de vecteurs",
    "no_embedder": "Le modèle de vecteurs n’est pas chargé",
    "claim": "Mettez le boîtier à votre nom (60 minutes)",
    "code": "Code de mise en service, pour un autre poste ou un téléphone",
    "label_code": "celui de l’étiquette (atre claim new en fait un autre)",
    "panel": "Panneau sur ce poste",
    "lan": "Depuis un autre poste ou un téléphone",
    "trust": "Pour que le navigateur n’y avertisse plus",
    "api": "API compatible OpenAI",
    "key": "Clé d’API, affichée cette seule fois : notez-la",
    "other_key": "Autre clé d’API",
    "stop": "Ctrl-C pour arrêter.",
    "colon": " :",
}
_ENGLISH = {
    "ready": "Âtre is ready.",
    "model": "Model",
    "no_model": "No model is loaded",
    "embedder": "Embedding model",
    "no_embedder": "The embedding model is not loaded",
    "claim": "Make the box yours (60 minutes)",
    "code": "Claim code, for another computer or a phone",
    "label_code": "the one on the label (atre claim new makes another)",
    "panel": "Panel on this machine",
    "lan": "From another computer or a phone",
    "trust": "So that browsers do not warn there",
    "api": "OpenAI-compatible API",
    "key": "API key, shown this once: write it down",
    "other_key": "Another API key",
    "stop": "Ctrl-C to stop.",
    "colon": ":",
}


def announcement(started: Started) -> str:
    """Addresses, model and keys, one a line."""
    french = in_french()
    return "\n".join(_lines(started, _FRENCH if french else _ENGLISH, french=french))


def _lines(started: Started, words: dict[str, str], *, french: bool) -> list[str]:
    base = f"http://127.0.0.1:{started.config.port}"

    def line(label: str, value: str) -> str:
        return f"  {words[label]}{words['colon']} {value}"

    lines = ["", words["ready"]]
    if started.engine:
        lines.append(line("model", f"{started.engine.name} ({started.engine.model})"))
    else:
        lines.append(line("no_model", started.no_model_reason.spoken(french=french)))
    if started.embedder:
        lines.append(line("embedder", f"{started.embedder.name} ({started.embedder.model})"))
    elif started.no_embedder_reason != NOTHING:
        lines.append(line("no_embedder", started.no_embedder_reason.spoken(french=french)))
    if started.door.claim_path:
        lines.append(line("claim", base + started.door.claim_path))
        lines.append(line("code", started.door.claim_code or words["label_code"]))
    lines.append(line("panel", f"{base}/"))
    lines += [line("lan", url) for url in _lan_urls(started)]
    lines += [line("trust", url) for url in _trust_url(started)]
    lines.append(line("api", f"{base}/v1"))
    if started.door.first_key:
        lines.append(line("key", started.door.first_key))
    else:
        lines.append(line("other_key", "atre key create"))
    return [*lines, words["stop"]]


def _lan_urls(started: Started) -> list[str]:
    box = started.box
    if box.lan_port is None:
        return []
    hosts = [host for host in [box.mdns_name, *box.addresses] if host and "%" not in host]
    return [f"https://{_bracketed(host)}:{box.lan_port}/" for host in hosts]


def _trust_url(started: Started) -> list[str]:
    """Where devices learn to trust the box, by the best name it has."""
    box = started.box
    hosts = [host for host in [box.mdns_name, *box.addresses] if host and "%" not in host]
    if box.http_port is None or not hosts:
        return []
    return [f"http://{_bracketed(hosts[0])}:{box.http_port}/"]


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host

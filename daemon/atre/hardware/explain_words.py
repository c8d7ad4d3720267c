# SPDX-License-Identifier: Apache-2.0
"""The sentences of ``atre detect``, in English and French; ``{}`` stand for facts.

French has its no-break spaces where a line is put together.
"""

from atre.sentence import Sentence

WORDS: dict[str, Sentence] = {
    "unknown": Sentence("unknown", "inconnu"),
    "machine": Sentence("Machine: {}", "Machine : {}"),
    "system": Sentence("System: {}, kernel {}", "Système : {}, noyau {}"),
    "cpu": Sentence("Processor: {}", "Processeur : {}"),
    "cpu_model": Sentence("unknown model", "modèle inconnu"),
    "cpu_architecture": Sentence("unknown architecture", "architecture inconnue"),
    "cores": Sentence("{} cores, {} CPUs", "{} cœurs, {} processeurs logiques"),
    "performance": Sentence("{} of them performance cores", "dont {} cœurs performants"),
    "quota": Sentence("limited to {} CPUs", "limité à {} processeurs"),
    "cache": Sentence("{} MiB of cache", "{} Mio de cache"),
    "memory": Sentence("Memory: {}, {} available", "Mémoire : {}, {} disponibles"),
    "memory_limit": Sentence(", limited to {}", ", limitée à {}"),
    "pci_unknown": Sentence(
        "GPU: unknown, the PCI bus cannot be listed",
        "GPU : inconnu, le bus PCI ne peut pas être lu",
    ),
    "no_gpu": Sentence("GPU: none on the PCI bus", "GPU : aucun sur le bus PCI"),
    "use": Sentence("{}: {}: {}", "{} : {} : {}"),
    "llama_unknown": Sentence(
        "llama.cpp: its devices are unknown", "llama.cpp : ses appareils sont inconnus"
    ),
    "llama": Sentence("llama.cpp: {}", "llama.cpp : {}"),
    "no_device": Sentence("no device", "aucun appareil"),
    "flags": Sentence(
        "llama.cpp was compiled without {}, which this processor has: compile it on this machine "
        "to gain speed",
        "llama.cpp a été compilé sans {}, que ce processeur possède : compilez-le sur cette "
        "machine pour gagner en vitesse",
    ),
    "profile": Sentence("Profile: {} ({}): {}.", "Profil : {} ({}) : {}."),
    "models": Sentence("Models for it, best first: {}", "Modèles, le meilleur d’abord : {}"),
    "no_models": Sentence("none named", "aucun de nommé"),
    "figure": Sentence(
        "Published for such a machine: {} {}, {} ({}, {})",
        "Publié pour une telle machine : {} {}, {} ({}, {})",
    ),
    "not": Sentence("Not {}: {}.", "Pas {} : {}."),
    "attention": Sentence("Attention: {}", "Attention : {}"),
    "speed": Sentence("Speed for one reader: {}. {}", "Vitesse pour un lecteur : {}. {}"),
    "prompt_speed": Sentence(
        "Speed of reading a prompt: {} tokens/s (measured here).",
        "Vitesse de lecture d’une question : {} jetons/s (mesuré ici).",
    ),
    "not_read": Sentence("Not read: {}: {} ({}).", "Pas lu : {} : {} ({})."),
    "bus_unlisted": Sentence(
        "Memory speed: unknown, udev lists no memory modules here",
        "Débit de la mémoire : inconnu, udev ne liste pas de barrettes ici",
    ),
    "bus_unknown": Sentence(
        "Memory speed: unknown, the firmware names {} and leaves out others, their speed, or "
        "which of them share a channel",
        "Débit de la mémoire : inconnu, le microprogramme nomme {} et tait les autres, leur "
        "vitesse, ou lesquelles partagent un canal",
    ),
    "bus": Sentence(
        "Memory speed: {} GB/s in theory, {} with {} bits together at {} MT/s ({}{})",
        "Débit de la mémoire : {} Go/s en théorie, {} avec {} bits ensemble à {} MT/s ({}{})",
    ),
    "no_module": Sentence("no module", "aucune barrette"),
    "one_channel": Sentence("1 channel", "1 canal"),
    "channels": Sentence("{} channels", "{} canaux"),
    "by_label": Sentence(", by their label", ", d’après leur étiquette"),
    "size_unknown": Sentence("size unknown", "taille inconnue"),
}


def line(name: str, *facts: object, french: bool) -> str:
    """One sentence with its facts filled in."""
    template = WORDS[name].spoken(french=french)
    for mark in (" :", " ;"):
        template = template.replace(mark, "\N{NO-BREAK SPACE}" + mark[1:])
    return template.format(*facts)


def number(value: float, digits: int, *, french: bool) -> str:
    """With the decimal mark of the language."""
    text = f"{value:.{digits}f}"
    return text.replace(".", ",") if french else text

# SPDX-License-Identifier: Apache-2.0
"""What a plan says of itself, in English and French."""

from atre.sentence import Sentence

_NBSP = "\N{NO-BREAK SPACE}"


def window(tokens: int, trained: int) -> Sentence:
    """How much one request may use."""
    if tokens == trained:
        return Sentence(
            f"One request may use {tokens} tokens: the model was trained for no more.",
            f"Une demande peut occuper {tokens} jetons{_NBSP}: le modèle n’a pas été entraîné "
            "pour plus.",
        )
    return Sentence(
        f"One request may use {tokens} of the {trained} tokens it was trained for.",
        f"Une demande peut occuper {tokens} des {trained} jetons pour lesquels il a été entraîné.",
    )


def shared_context(slots: int, pool: int) -> Sentence:
    """Who shares what."""
    if slots == 1:
        return Sentence(
            f"One request at a time has the whole context of {pool} tokens.",
            f"Une demande à la fois dispose de tout le contexte de {pool} jetons.",
        )
    return Sentence(
        f"{slots} requests at once share a context of {pool} tokens.",
        f"{slots} demandes simultanées se partagent un contexte de {pool} jetons.",
    )


def memory(needed_bytes: int, room_bytes: int | None, *, is_rehearsed: bool) -> Sentence:
    """Main memory that is needed, and by whose figures."""
    free, free_fr = "how much is free is unknown", "on ignore combien est libre"
    if room_bytes is not None:
        free = f"{size(room_bytes)} can be used"
        free_fr = f"{size_fr(room_bytes)} sont utilisables"
    basis, basis_fr = "estimated from the model file", "estimation d’après le fichier du modèle"
    if is_rehearsed:
        basis, basis_fr = "as llama.cpp itself plans it", "selon le plan de llama.cpp lui-même"
    return Sentence(
        f"About {size(needed_bytes)} of main memory are needed, {basis}; {free}.",
        f"Il faut environ {size_fr(needed_bytes)} de mémoire, {basis_fr}{_NBSP}; {free_fr}.",
    )


def snapshots(num_bytes: int) -> Sentence:
    """Memory for copies of what was read."""
    return Sentence(
        f"Up to {size(num_bytes)} more keep what was read, for whoever goes on with it.",
        f"Jusqu’à {size_fr(num_bytes)} de plus gardent ce qui a été lu, pour qui continue.",
    )


def on_processor() -> Sentence:
    """There is no GPU to use, or it was not chosen."""
    return Sentence("The model runs on the processor.", "Le modèle tourne sur le processeur.")


def on_gpu(blocks: int, layers: int, gpu: str, num_bytes: int) -> Sentence:
    """How many layers are on the GPU, and what they take of its memory."""
    return Sentence(
        f"{blocks} of {layers} layers run on {gpu}, with {size(num_bytes)} of its memory.",
        f"{blocks} couches sur {layers} tournent sur {gpu}, avec {size_fr(num_bytes)} de sa "
        "mémoire.",
    )


def context_lowered(wanted: int, pool: int) -> Sentence:
    """Memory did not hold all of the context."""
    return Sentence(
        f"The context was lowered from {wanted} to {pool} tokens to fit in memory. Use a "
        "smaller model, or free memory, to get it back.",
        f"Le contexte a été réduit de {wanted} à {pool} jetons pour tenir en mémoire. Prenez un "
        "modèle plus petit, ou libérez de la mémoire, pour le retrouver.",
    )


def memory_unknown() -> Sentence:
    """Nobody knows whether the model fits."""
    return Sentence(
        "The free memory is unknown, so nothing was checked against it.",
        "La mémoire libre est inconnue, rien n’a donc été vérifié.",
    )


def no_gpu() -> Sentence:
    """The profile counts on what llama.cpp does not see."""
    return Sentence(
        "The profile wants a GPU, but llama.cpp reports none: the processor is used.",
        f"Le profil demande un GPU, mais llama.cpp n’en voit aucun{_NBSP}: le processeur sert à "
        "sa place.",
    )


def few_layers(blocks: int, layers: int) -> Sentence:
    """The GPU's memory did not hold every layer."""
    return Sentence(
        f"Only {blocks} of {layers} layers fit on the GPU; the rest runs on the processor and is "
        "slower. Use a smaller model.",
        f"Seules {blocks} couches sur {layers} tiennent sur le GPU{_NBSP}; le reste tourne sur le "
        "processeur, plus lentement. Prenez un modèle plus petit.",
    )


def factory_instead(model: str, reason: Sentence) -> Sentence:
    """The chosen model cannot be used; the reason is an error's."""
    return Sentence(
        f"The factory model answers, because {model} cannot be used: {reason.text}",
        f"Le modèle d’usine répond, car {model} ne peut pas servir{_NBSP}: {reason.text_fr}",
    )


def left_out(device: str, detail: str) -> Sentence:
    """A device that failed when the devices raced."""
    return Sentence(
        f"{device} was left out when the devices were measured: {detail}. Run "
        "`atre detect --race` once its driver was updated.",
        f"{device} a été écarté lors de la mesure des appareils{_NBSP}: {detail}. Lancez "
        "`atre detect --race` une fois son pilote mis à jour.",
    )


def size(num_bytes: int | None) -> str:
    """A size for people, in binary units."""
    if num_bytes is None:
        return "an unknown amount"
    return f"{num_bytes / 2**30:.1f} GiB" if num_bytes >= 2**30 else f"{num_bytes / 2**20:.0f} MiB"


def size_fr(num_bytes: int | None) -> str:
    """The same in French."""
    if num_bytes is None:
        return "une quantité inconnue"
    words = size(num_bytes).replace(".", ",")
    return words.replace("GiB", "Gio").replace("MiB", "Mio").replace(" ", _NBSP)

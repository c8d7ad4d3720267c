# SPDX-License-Identifier: Apache-2.0
"""What is said of a target that is not ready."""

from atre.ipc.media_messages import TargetState
from atre.sentence import Sentence

SAID: dict[TargetState, Sentence] = {
    TargetState.ABSENT: Sentence(
        "The disk is not plugged in. The next backup to it is made once it is.",
        "Le disque n’est pas branché. La prochaine sauvegarde s’y fera dès qu’il le sera.",
    ),
    TargetState.RELEASED: Sentence(
        "The disk may be unplugged. To use it again, unplug it and plug it in.",
        "Le disque peut être débranché. Pour s’en servir à nouveau, débranchez-le, puis "
        "rebranchez-le.",
    ),
    TargetState.PULLED: Sentence(
        "The disk was pulled out while it was written to. That backup does not count; earlier ones "
        "do. Plug it in again.",
        "Le disque a été débranché en cours d’écriture. Cette sauvegarde ne compte pas, les "
        "précédentes comptent\N{NO-BREAK SPACE}: rebranchez-le.",
    ),
    TargetState.IN_USE: Sentence(
        "The disk is being written to: do not unplug it.",
        "Le disque est en cours d’écriture\N{NO-BREAK SPACE}: ne le débranchez pas.",
    ),
    TargetState.FULL: Sentence(
        "The target is full. Keep fewer old backups there, or use a larger one.",
        "La destination est pleine. Gardez-y moins d’anciennes sauvegardes, ou prenez-en une plus "
        "grande.",
    ),
}

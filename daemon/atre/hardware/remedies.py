# SPDX-License-Identifier: Apache-2.0
"""Why a device is not used and what to do about it, in one line each, in English and French."""

import msgspec

from atre.hardware.usage import DeviceUse, UseCode


class Words(msgspec.Struct, frozen=True):
    """One use in words; ``remedy`` is empty only where the device is used.

    ``{backends}`` stands for the parts of llama.cpp that could compute on the device.
    """

    reason: str
    remedy: str
    reason_fr: str
    remedy_fr: str


_RACE_AGAIN = "Nothing to do; `atre detect --race` measures again"
_RACE_AGAIN_FR = "Rien à faire ; `atre detect --race` mesure à nouveau"
_UPDATE = "Update the GPU's driver and restart, then run `atre detect --race`"
_UPDATE_FR = "Mettez à jour le pilote du GPU, redémarrez, puis lancez `atre detect --race`"

TEXTS: dict[UseCode, Words] = {
    UseCode.USED: Words("used", "", "utilisé", ""),
    UseCode.PROCESSOR_FASTER: Words(
        "not used: the processor was measured to be faster with this model", _RACE_AGAIN,
        "non utilisé : avec ce modèle, le processeur a été mesuré plus rapide", _RACE_AGAIN_FR,
    ),
    UseCode.OTHER_DEVICE_FASTER: Words(
        "not used: another device was measured to be faster with this model", _RACE_AGAIN,
        "non utilisé : avec ce modèle, un autre appareil a été mesuré plus rapide", _RACE_AGAIN_FR,
    ),
    UseCode.RACE_CRASHED: Words(
        "not used: the model crashed on it when it was measured", _UPDATE,
        "non utilisé : le modèle s’y est arrêté brutalement pendant la mesure", _UPDATE_FR,
    ),
    UseCode.RACE_TIMED_OUT: Words(
        "not used: the model did not finish on it in time when it was measured", _UPDATE,
        "non utilisé : le modèle n’y a pas fini à temps pendant la mesure", _UPDATE_FR,
    ),
    UseCode.RACE_FAILED: Words(
        "not used: the model could not be run on it when it was measured",
        "Choose a smaller model, or update the GPU's driver and run `atre detect --race`",
        "non utilisé : le modèle n’a pas pu y tourner pendant la mesure",
        "Choisissez un modèle plus petit, ou mettez le pilote à jour, puis "
        "lancez `atre detect --race`",
    ),
    UseCode.OTHER_DEVICE_CHOSEN: Words(
        "not used: llama.cpp could use it, but another device was chosen",
        "Run `atre detect --race` to measure which is faster",
        "non utilisé : llama.cpp le pourrait, mais un autre appareil a été choisi",
        "Lancez `atre detect --race` pour mesurer lequel est le plus rapide",
    ),
    UseCode.PROFILE_KEEPS_PROCESSOR: Words(
        "not used: the profile of this machine keeps to the processor",
        "Run `atre detect --race` to measure whether it is faster",
        "non utilisé : le profil de cette machine s’en tient au processeur",
        "Lancez `atre detect --race` pour mesurer s’il est plus rapide",
    ),
    UseCode.DOES_NOT_FIT: Words(
        "not used: no layer of the model fits in its memory",
        "Choose a smaller model or quantisation",
        "non utilisé : aucune couche du modèle ne tient dans sa mémoire",
        "Choisissez un modèle ou une quantification plus petits",
    ),
    UseCode.SOFTWARE: Words(
        "not used: it is no GPU, but a program on the processor that poses as one",
        "Take it out of GGML_VK_VISIBLE_DEVICES; install the GPU's own driver if there is a GPU",
        "non utilisé : ce n’est pas un GPU, mais un programme du processeur qui en imite un",
        "Retirez-le de GGML_VK_VISIBLE_DEVICES ; s’il y a un GPU, installez son propre pilote",
    ),
    UseCode.NO_DRIVER: Words(
        "not used: no driver is bound to it",
        "Install the kernel driver and firmware, then restart",
        "non utilisé : aucun pilote ne le gère",
        "Installez le pilote du noyau et son microcode, puis redémarrez",
    ),
    UseCode.NOUVEAU: Words(
        "not used: it runs on the driver nouveau, with which CUDA does not work",
        "Install NVIDIA's own driver, then restart",
        "non utilisé : il tourne avec le pilote nouveau, avec lequel CUDA ne marche pas",
        "Installez le pilote de NVIDIA, puis redémarrez",
    ),
    UseCode.RESERVED: Words(
        "not used: it is set aside for a virtual machine",
        "Run the box in that virtual machine, or give the device back to this system",
        "non utilisé : il est réservé à une machine virtuelle",
        "Faites tourner le boîtier dans cette machine virtuelle, ou rendez l’appareil à ce système",
    ),
    UseCode.NODE_MISSING: Words(
        "not used: its device file is missing here",
        "In a container, pass the device through (--device /dev/dri); otherwise load its driver",
        "non utilisé : son fichier de périphérique manque ici",
        "Dans un conteneur, transmettez-le (--device /dev/dri) ; sinon chargez son pilote",
    ),
    UseCode.NODE_FORBIDDEN: Words(
        "not used: this user may not open its device file",
        "Add the user to the groups render and video, then log in again",
        "non utilisé : cet utilisateur ne peut pas ouvrir son fichier de périphérique",
        "Ajoutez l’utilisateur aux groupes render et video, puis reconnectez-vous",
    ),
    UseCode.NO_BACKEND: Words(
        "not used: the installed llama.cpp has no backend for it",
        "Install llama-cpp-python built with {backends}",
        "non utilisé : le llama.cpp installé n’a pas de moteur pour lui",
        "Installez llama-cpp-python compilé avec {backends}",
    ),
    UseCode.BACKEND_BLIND: Words(
        "not used: llama.cpp has a backend for it but does not see it",
        "Install its user-space driver (Mesa's Vulkan driver, CUDA or ROCm) and restart",
        "non utilisé : llama.cpp a un moteur pour lui mais ne le voit pas",
        "Installez son pilote applicatif (Vulkan de Mesa, CUDA ou ROCm) et redémarrez",
    ),
    UseCode.DRIVER_CRASHED: Words(
        "not used: its driver crashed when llama.cpp asked for its devices",
        "Update or remove the GPU's driver",
        "non utilisé : son pilote a planté quand llama.cpp a demandé ses appareils",
        "Mettez à jour ou retirez le pilote du GPU",
    ),
    UseCode.DRIVER_HUNG: Words(
        "not used: its driver hung when llama.cpp asked for its devices",
        "Restart the machine; if it happens again, update or remove the GPU's driver",
        "non utilisé : son pilote s’est figé quand llama.cpp a demandé ses appareils",
        "Redémarrez la machine ; si cela se répète, mettez à jour ou retirez le pilote du GPU",
    ),
    UseCode.NO_ANSWER: Words(
        "not used: llama.cpp failed when it was asked for its devices",
        "Install llama-cpp-python again",
        "non utilisé : llama.cpp a échoué quand on lui a demandé ses appareils",
        "Réinstallez llama-cpp-python",
    ),
    UseCode.DEVICES_UNKNOWN: Words(
        "not known to be used: nobody asked llama.cpp for its devices",
        "Run `atre detect` on the machine itself",
        "utilisation inconnue : personne n’a demandé à llama.cpp ses appareils",
        "Lancez `atre detect` sur la machine même",
    ),
    UseCode.DISPLAY_ONLY: Words(
        "not used: it only shows pictures and cannot compute", "Nothing to do",
        "non utilisé : il ne fait qu’afficher et ne sait pas calculer", "Rien à faire",
    ),
    UseCode.NPU_NO_DRIVER: Words(
        "present, driver missing", "Nothing to do: llama.cpp is not faster on it. Other programs "
        "need its kernel driver (intel_vpu, amdxdna, rknpu) and firmware",
        "présent, pilote manquant", "Rien à faire : llama.cpp n’y gagne rien. D’autres programmes "
        "demandent son pilote du noyau (intel_vpu, amdxdna, rknpu) et son microcode",
    ),
    UseCode.NPU_NO_NODE: Words(
        "present, driver loaded, but it has no device file",
        "Install its firmware (linux-firmware), or pass /dev/accel to the container",
        "présent, pilote chargé, mais sans fichier de périphérique",
        "Installez son microcode (linux-firmware), ou transmettez /dev/accel au conteneur",
    ),
    UseCode.NPU_FORBIDDEN: Words(
        "present, driver loaded, but this user may not open its device file",
        "Add the user to the group render, then log in again",
        "présent, pilote chargé, mais cet utilisateur ne peut pas ouvrir son fichier",
        "Ajoutez l’utilisateur au groupe render, puis reconnectez-vous",
    ),
    UseCode.NPU_NO_BACKEND: Words(
        "present, driver loaded. Not used: the installed llama.cpp cannot compute on it",
        "Nothing to do: processor and GPU answer faster today",
        "présent, pilote chargé. Non utilisé : le llama.cpp installé ne sait pas y calculer",
        "Rien à faire : processeur et GPU répondent plus vite aujourd’hui",
    ),
    UseCode.NPU_NOT_CHOSEN: Words(
        "usable, not used: measured elsewhere to be slower than processor or GPU",
        "Nothing to do",
        "utilisable, non utilisé : mesuré ailleurs plus lent que processeur ou GPU",
        "Rien à faire",
    ),
}  # fmt: skip


def words(use: DeviceUse) -> Words:
    """The words for one device, with its backends filled in."""
    text = TEXTS[use.code]
    return Words(
        text.reason,
        text.remedy.format(backends=" or ".join(use.backends)),
        text.reason_fr,
        text.remedy_fr.format(backends=" ou ".join(use.backends)),
    )

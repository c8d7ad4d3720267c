# SPDX-License-Identifier: Apache-2.0
"""The recovery sheet as a page to print; it needs nothing from anywhere."""

import datetime as dt
from html import escape

import segno

from atre.ipc.backup_replies import RecoverySheet

_PAGE = """<!doctype html>
<html lang="{lang}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
@page {{ margin: 2cm }}
body {{ font: 12pt/1.5 serif; max-width: 40em; margin: auto; padding: 1em }}
.key {{ font: 700 16pt/1.8 monospace; overflow-wrap: anywhere }}
</style>
<h1>{title}</h1>
<p>{box} <strong>{unit}</strong> · {made}</p>
<p class="key">{key}</p>
<p>{qr}</p>
<p>{why}</p>
<ol>{steps}</ol>
{disk}
</html>
"""
_DISK = """<h2>{disk}</h2>
<p class="key">{key}</p>
<p>{why_disk}</p>"""
_ENGLISH = {
    "title": "Recovery sheet",
    "box": "Box",
    "why": "This key opens the backups of the box when the box is gone. Whoever has it and a "
    "backup disk can read everything. Keep it in a safe, away from the box.",
    "disk": "Key of the disk",
    "why_disk": "The disk of this box is encrypted and opens in this machine only. Should the "
    "machine fail, this other key opens the disk elsewhere.",
    "steps": (
        "Plug the backup disk into a new box.",
        "Choose “Restore” on the page that welcomes you, or run: atre backup restore",
        "Scan the code or type the key. The fifth character of each group is a check.",
    ),
}
_FRENCH = {
    "title": "Feuille de récupération",
    "box": "Boîtier",
    "why": "Cette clé ouvre les sauvegardes du boîtier quand il n’est plus là. Qui l’a, avec un "
    "disque de sauvegarde, peut tout lire. Gardez-la dans un coffre, loin du boîtier.",
    "disk": "Clé du disque",
    "why_disk": "Le disque de ce boîtier est chiffré et ne s’ouvre que dans cette machine. Si elle "
    "tombe en panne, cette autre clé l’ouvre ailleurs.",
    "steps": (
        "Branchez le disque de sauvegarde sur un boîtier neuf.",
        "Choisissez «\u00a0Restaurer\u00a0» à l’accueil, ou lancez\u00a0: atre backup restore",
        "Scannez le code ou tapez la clé. Le cinquième caractère de chaque groupe est un contrôle.",
    ),
}


def page(sheet: RecoverySheet, *, french: bool) -> str:
    """HTML with the key in groups and as a QR code."""
    words = _FRENCH if french else _ENGLISH
    made = dt.datetime.fromtimestamp(sheet.made_at, dt.UTC).astimezone()
    return _PAGE.format(
        lang="fr" if french else "en",
        title=words["title"],
        box=words["box"],
        unit=escape(sheet.unit),
        made=f"{made:%d/%m/%Y}" if french else f"{made:%Y-%m-%d}",
        key=escape(sheet.key),
        qr=segno.make(sheet.payload, error="m").svg_inline(scale=5),
        why=words["why"],
        steps="".join(f"<li>{escape(step)}</li>" for step in words["steps"]),
        disk=_DISK.format(**words, key=escape(sheet.disk_key)) if sheet.disk_key else "",
    )

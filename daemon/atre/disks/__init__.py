# SPDX-License-Identifier: Apache-2.0
"""How the machine's own disks are, as they tell of themselves (SMART).

Asking a disk needs rights that the box does not have: ``read_smart`` runs smartctl in a unit of its
own and leaves what it said in a folder; the box reads and judges that.
"""

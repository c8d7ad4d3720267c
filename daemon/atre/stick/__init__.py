# SPDX-License-Identifier: Apache-2.0
"""Files on a USB stick that ask the box for something, by their names.

``copy`` mounts a stick and copies them, with the one right to do so; ``read`` does what they ask,
as the box's user. Nothing on a stick is ever run. ``write`` puts the report of a unit's burn-in
onto the stick that ordered it, on a box that is nobody's yet; nothing else is written to any.
"""

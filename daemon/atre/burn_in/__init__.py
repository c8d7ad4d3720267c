# SPDX-License-Identifier: Apache-2.0
"""Whether a new unit holds: memory, disk, engine, heat and power, judged and signed."""

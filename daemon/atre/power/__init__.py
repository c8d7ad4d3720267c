# SPDX-License-Identifier: Apache-2.0
"""What the machine takes from the wall, and what each answer took of it."""

# SPDX-License-Identifier: Apache-2.0
"""The two systems on the box's disk: which one starts, how one is replaced, kept and left."""

# SPDX-License-Identifier: Apache-2.0
"""The box's own screen, on the first terminal and the serial port."""

# SPDX-License-Identifier: Apache-2.0
"""The running box: its processes, and the model in them."""

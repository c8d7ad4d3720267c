# SPDX-License-Identifier: Apache-2.0
"""How fast a model will write here: estimated from the memory's bandwidth until it is measured."""

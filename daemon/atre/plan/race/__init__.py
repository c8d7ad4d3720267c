# SPDX-License-Identifier: Apache-2.0
"""The processor against each device of llama.cpp, with the model that will run, by measurement."""

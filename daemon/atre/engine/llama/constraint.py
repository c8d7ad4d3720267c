# SPDX-License-Identifier: Apache-2.0
import ctypes
from typing import Any

import numpy as np
from llama_cpp import llama_cpp as lib
from numpy.typing import NDArray

from atre.engine.grammar.grammar import Grammar
from atre.engine.llama.model import LlamaModel

_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
_NUM_LIKELIEST = 2048  # far more than any usual filter leaves
_NOT_SELECTED = -1  # llama.h, llama_token_data_array


class Constraint:
    """Holds one sequence to a grammar.

    To ask the grammar about a token costs more than the rest of sampling, so a token is chosen
    without it first. Only if it refuses that one is it asked about others: the likeliest, and more
    only if it allows none of those.
    """

    def __init__(self, model: LlamaModel, grammar: Any) -> None:
        """``grammar`` is a llama.cpp sampler, and freed with this object."""
        self._grammar = grammar
        self._ids: NDArray[np.int32] = np.arange(model.num_tokens, dtype=np.int32)
        self._end: int = lib.llama_vocab_eos(model.vocab)

    def sample(self, chain: Any, logits: Any) -> int:
        """Choose a token by ``chain`` among those that the grammar allows; both remember it.

        The model's end token where its vocabulary has nothing that the grammar allows.
        """
        values = np.ctypeslib.as_array(logits, shape=self._ids.shape)
        token = self._choose(chain, _candidates(self._ids, values))
        if not self._allows(token):
            allowed = self._likeliest_allowed(values)
            if allowed is None:
                return self._end
            token = self._choose(chain, allowed)
        # A token that the grammar does not allow must not reach it: llama.cpp would abort.
        lib.llama_sampler_accept(self._grammar, token)
        lib.llama_sampler_accept(chain, token)
        return token

    def close(self) -> None:
        lib.llama_sampler_free(self._grammar)

    def _choose(self, chain: Any, candidates: NDArray[Any]) -> int:
        array = _apply(chain, candidates)
        place = 0 if array.selected == _NOT_SELECTED else array.selected
        return int(candidates["id"][place])

    def _allows(self, token: int) -> bool:
        one = _candidates(np.array([token], np.int32), np.zeros(1, np.float32))
        _apply(self._grammar, one)
        return bool(np.isfinite(one["logit"][0]))

    def _likeliest_allowed(self, logits: NDArray[np.float32]) -> NDArray[Any] | None:
        """What the grammar allows among the likeliest tokens, or else among the next ones."""
        order = np.argpartition(-logits, min(_NUM_LIKELIEST, len(logits) - 1)).astype(np.int32)
        start, size = 0, _NUM_LIKELIEST
        while start < len(order):
            ids = order[start : start + size]
            candidates = _candidates(ids, logits[ids])
            _apply(self._grammar, candidates)
            allowed: NDArray[Any] = candidates[np.isfinite(candidates["logit"])]
            if len(allowed):
                return allowed
            if start == 0:
                order[size:] = order[size:][np.argsort(-logits[order[size:]])]
            start, size = start + size, size * 2
        return None


def _candidates(ids: NDArray[np.int32], logits: NDArray[np.float32]) -> NDArray[Any]:
    candidates = np.zeros(len(ids), _CANDIDATE)
    candidates["id"] = ids
    candidates["logit"] = logits
    return candidates


def _apply(sampler: Any, candidates: NDArray[Any]) -> Any:
    """Let a sampler change the candidates in place; its answer tells which it selected."""
    pointer = candidates.ctypes.data_as(ctypes.POINTER(lib.llama_token_data))
    array: Any = lib.llama_token_data_array(pointer, len(candidates), _NOT_SELECTED, False)
    lib.llama_sampler_apply(sampler, ctypes.byref(array))
    return array


def constraint(model: LlamaModel, grammar: Grammar | None) -> Constraint | None:
    """What holds a sequence to ``grammar``; None where nothing does.

    A grammar that waits for a trigger binds only where the trigger is one token of the vocabulary.
    llama.cpp also finds a text that several tokens spell, but it aborts when the last of them goes
    on with something that the grammar does not allow.

    Raises ValueError for a grammar that llama.cpp refuses.
    """
    if grammar is None:
        return None
    triggers = _tokens(model, grammar.triggers)
    if grammar.triggers and not triggers:
        return None
    sampler = _init(model, grammar, triggers)
    if not sampler:
        raise ValueError("llama.cpp refuses a grammar that was accepted before.")
    return Constraint(model, sampler)


def is_accepted(model: LlamaModel, grammar: Grammar) -> bool:
    """Whether llama.cpp can hold answers to this grammar."""
    sampler = _init(model, grammar, [])
    if sampler:
        lib.llama_sampler_free(sampler)
    return bool(sampler)


def _init(model: LlamaModel, grammar: Grammar, triggers: list[int]) -> Any:
    text = grammar.text.encode()
    if not triggers:
        return lib.llama_sampler_init_grammar(model.vocab, text, b"root")
    return lib.llama_sampler_init_grammar_lazy_patterns(
        model.vocab,
        text,
        b"root",
        None,
        0,
        (lib.llama_token * len(triggers))(*triggers),
        len(triggers),
    )


def _tokens(model: LlamaModel, texts: tuple[str, ...]) -> list[int]:
    """The tokens that are written exactly as one of the texts."""
    found = [(text, model.tokenize(text, add_special=False)) for text in texts]
    return [
        tokens[0]
        for text, tokens in found
        if len(tokens) == 1 and model.token_text(tokens[0]) == text
    ]

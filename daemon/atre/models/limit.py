# SPDX-License-Identifier: Apache-2.0
from atre.errors import ModelProblem, ModelStoreError
from atre.models.store import Store
from atre.space.limits import passes, read_limits
from atre.space.parts import parts
from atre.space.words import in_words


def require_within_limit(store: Store, more_bytes: int) -> None:
    """Refuse a model with which all would pass the manager's limit. Raises ModelStoreError.

    What a pull left unfinished counts too: it is there.
    """
    data_dir = store.root.parent
    limit = read_limits(data_dir / "state").models
    if limit is None:
        return
    used = parts(data_dir)["models"]
    if passes(limit, used, more_bytes):
        raise ModelStoreError(
            f"The models take {in_words(used)}, and this one needs {in_words(more_bytes)} more: "
            f"together more than the limit of {in_words(limit)}. Nothing was written. Remove a "
            "model with `atre model remove NAME`, or set another limit with `atre space --models`.",
            f"Les modèles occupent {in_words(used, french=True)}, et celui-ci demande "
            f"{in_words(more_bytes, french=True)} de plus\N{NO-BREAK SPACE}: ensemble, plus que la "
            f"limite de {in_words(limit, french=True)}. Rien n’a été écrit. Retirez un modèle avec "
            "`atre model remove NOM`, ou changez la limite avec `atre space --models`.",
            problem=ModelProblem.OVER_LIMIT,
        )

# SPDX-License-Identifier: Apache-2.0
from pathlib import Path
from typing import Any

import gguf

_TEMPLATE = "tokenizer.chat_template"


def write_with_template(path: Path, source: Path, template: str) -> None:
    """Write a model again, with another chat template."""
    reader: Any = gguf.GGUFReader(source)
    writer: Any = gguf.GGUFWriter(path, reader.fields["general.architecture"].contents())
    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key in {"general.architecture", _TEMPLATE}:
            continue
        element = field.types[1] if len(field.types) > 1 else None
        writer.add_key_value(key, field.contents(), field.types[0], sub_type=element)
    writer.add_chat_template(template)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

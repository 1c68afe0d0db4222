"""Host memory while 8 GB of transformer become 4.4 GB: never a second copy, not even of a block."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest
import torch

from tests.support.sparse import Entries, write_real
from trainer.files.headers import read_header

BLOCKS = 10
"""Of the 48 of 2.3, at their real width: 8 GB in the file."""
LOAD = """
import json, sys, threading, time
from pathlib import Path
import torch
torch.set_num_threads(2)
from tests.goldens.tiny_io import model_files
from trainer.model.loading import load_transformer
from trainer.model.quantize import report
from trainer.model.shells import plain_tensors

def anonymous():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024

peak, running, told = [0], [True], []
def watch():
    while running[0]:
        peak[0] = max(peak[0], anonymous())
        time.sleep(0.002)

before = anonymous()
thread = threading.Thread(target=watch); thread.start()
started = time.monotonic()
model = load_transformer(
    model_files(Path(sys.argv[1])),
    dtype=torch.bfloat16,
    quantization=sys.argv[2],
    swapped=int(sys.argv[3]),
    on_progress=lambda *share: told.append(share),
)
seconds = time.monotonic() - started
running[0] = False; thread.join()
held = sum(tensor.nbytes for value in model.state_dict().values() for tensor in plain_tensors(value))
found = report(model)
print(json.dumps({
    "grown": peak[0] - before, "held": held, "after": anonymous() - before, "quantized": found.nbytes,
    "weights": found.weights, "told": told[-1], "seconds": seconds,
}))
"""


def write_blocks(directory: Path) -> Path:
    """The first blocks of the published 2.3 transformer, with random numbers where its weights would be."""

    def shorten(entries: Entries) -> None:
        for name in list(entries):
            parts = name.split(".")
            other = name != "__metadata__" and (not name.startswith("model.diffusion_model.") or "_connector" in name)
            if other or ("transformer_blocks" in name and int(parts[3]) >= BLOCKS):
                del entries[name]
        config = entries["__metadata__"]["config"]
        assert '"num_layers": 48' in config
        entries["__metadata__"]["config"] = config.replace('"num_layers": 48', f'"num_layers": {BLOCKS}')

    path = write_real(directory, "ltx-2.3-22b", shorten)
    noise = torch.randn(2**25, generator=torch.Generator().manual_seed(0)).mul_(0.02).bfloat16()
    data = memoryview(cast(bytearray, noise.view(torch.uint8).numpy()))
    with path.open("rb+") as file:
        for info in read_header(path).tensors.values():
            file.seek(info.start)
            left = info.nbytes
            while left:
                left -= file.write(data[: min(left, len(data))])
    return path


@pytest.mark.slow
def test_quantizing_while_loading_needs_little_more_than_the_result(tmp_path: Path) -> None:
    path = write_blocks(tmp_path)
    assert path.stat().st_size > 7.9e9
    for kind, bits, swapped in (("int8-quanto", 8, 0), ("int8-quanto", 8, 6), ("int4-quanto", 4, 0)):
        command = [sys.executable, "-c", LOAD, str(path), kind, str(swapped)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=900)
        found = json.loads(done.stdout.splitlines()[-1])
        # Scales: one of 16 bits a row, or with a shift for every 128 numbers below eight bits.
        assert found["quantized"] < found["weights"] * (bits / 8 + (0.001 if bits == 8 else 0.032))
        assert found["told"][0] == found["told"][1]
        # Swapped blocks go to their place in host memory one by one: one more block at a time, not all of them.
        assert found["grown"] < found["held"] + 1.0e9, found
    path.unlink()

"""The transformer's forward pass on tensors without numbers.

Mirrors ``trainer/model`` line by line, local variables included, because lifetimes decide: a change there is a change
here, and the oracle tests notice. Rows, tables and contexts as there; batch and tokens are multiplied into counts.
"""

from __future__ import annotations

from dataclasses import dataclass

from presets.memory import operations as op
from presets.memory.run import RunShape
from presets.memory.shapes import TIME_FREQUENCIES, Layout, LinearShape, Modality, ModelShape
from presets.memory.tape import FP32, HALF, Ghost, Tape, passed_on

Streams = dict[Modality, Ghost]
"""Hidden states of the modalities that take part."""


class Linear:
    """A linear layer, its adapter if it has one, and which of it is trained."""

    def __init__(self, shape: LinearShape, run: RunShape, *, adapted: bool) -> None:
        width = FP32 if run.full or not run.half else HALF
        self.shape, self.drops = shape, run.dropout > 0
        self.weight = op.parameter(shape.weight, width, trained=run.full)
        self.bias = op.parameter(shape.fan_out, width, trained=run.full) if shape.bias else None
        self.rank = run.rank if adapted and not run.full else 0
        self.down = op.parameter(self.rank * shape.fan_in, FP32, trained=True)
        self.up = op.parameter(self.rank * shape.fan_out, FP32, trained=True)

    def __call__(self, tape: Tape, x: Ghost) -> Ghost:
        shape = self.shape
        result = op.matmul(tape, x, self.weight, shape.fan_in, shape.fan_out, self.bias)
        if not self.rank:
            return result
        x = tape.cast(x, FP32)  # PEFT brings the input to the adapter's format, autocast brings it back
        low = self._low(tape, x)
        change = op.scale(tape, op.matmul(tape, low, self.up, self.rank, shape.fan_out))
        del low
        return op.add(tape, result, change)

    def _low(self, tape: Tape, x: Ghost) -> Ghost:
        return op.matmul(tape, op.dropout(tape, x) if self.drops else x, self.down, self.shape.fan_in, self.rank)


@dataclass(slots=True)
class Side:
    """What stays the same for one modality through all blocks; ``trainer.model.block.Conditions``."""

    rows: Ghost
    embedded: Ghost
    context: Ghost
    rope: Ghost
    prompt: Ghost | None
    bridge_rows: Ghost | None = None
    bridge_gate: Ghost | None = None
    bridge_rope: Ghost | None = None


Sides = dict[Modality, Side]


class Block:
    """One transformer block with parameters of its own."""

    def __init__(self, model: ModelShape, run: RunShape, layout: Layout, adapted: frozenset[str]) -> None:
        self.model, self.run = model, run
        self.linears = {name: Linear(shape, run, adapted=name in adapted) for name, shape in layout.by_name.items()}
        width = FP32 if run.full or not run.half else HALF
        self.tables = {
            name: op.parameter(model.rows * model.branch(name).width, width, trained=run.full)
            for name in run.modalities
        }
        self.bridge_tables = {
            name: op.parameter(5 * model.branch(name).width, width, trained=run.full) for name in run.modalities
        }
        self.prompt_tables = {
            name: op.parameter(2 * model.branch(name).width, width, trained=run.full) for name in run.modalities
        }

    def forward(self, tape: Tape, streams: Streams, sides: Sides) -> Streams:
        """Hidden states in, hidden states out."""
        streams = dict(streams)
        for name in self.run.modalities:
            streams[name] = self._self_and_text(tape, name, streams[name], sides[name])
        if len(streams) == 2:
            streams = self._bridge(tape, streams, sides)
        for name in self.run.modalities:
            streams[name] = self._feed_forward(tape, name, streams[name], sides[name])
        return streams

    def _row(self, tape: Tape, name: Modality, side: Side) -> Ghost:
        rows = self.model.rows
        return op.add(tape, op.select(tape, self.tables[name], rows), op.select(tape, side.rows, rows))

    def _modulated(self, tape: Tape, name: Modality, x: Ghost, side: Side) -> Ghost:
        width = self.model.branch(name).width
        product = op.mul(tape, op.rms_norm(tape, x, width), op.plus_one(tape, self._row(tape, name, side)))
        return op.add(tape, product, self._row(tape, name, side))

    def _self_and_text(self, tape: Tape, name: Modality, x: Ghost, side: Side) -> Ghost:
        prefix, branch = _prefix(name), self.model.branch(name)
        normed = self._modulated(tape, name, x, side)
        mixed = self._attend(tape, prefix + "attn1", branch.heads, normed, ropes=(side.rope, side.rope))
        x = op.add(tape, x, op.mul(tape, mixed, self._row(tape, name, side)))
        if not self.model.modulated:
            normed = op.rms_norm(tape, x, branch.width)
            found = self._attend(tape, prefix + "attn2", branch.heads, normed, side.context)
            return op.add(tape, x, found)
        normed = self._modulated(tape, name, x, side)
        context = self._context(tape, name, side)
        found = self._attend(tape, prefix + "attn2", branch.heads, normed, context)
        return op.add(tape, x, op.mul(tape, found, self._row(tape, name, side)))

    def _context(self, tape: Tape, name: Modality, side: Side) -> Ghost:
        rows = self.prompt_tables[name]
        if side.prompt is not None:
            rows = op.add(tape, rows, side.prompt)
        product = op.mul(tape, side.context, op.plus_one(tape, op.select(tape, rows, 2)))
        return op.add(tape, product, op.select(tape, rows, 2))

    def _attend(
        self,
        tape: Tape,
        module: str,
        heads: int,
        x: Ghost,
        context: Ghost | None = None,
        ropes: tuple[Ghost, Ghost] | None = None,
    ) -> Ghost:
        source = x if context is None else context
        linear, inner = self.linears, self.linears[f"{module}.to_q"].shape.fan_out
        value = linear[f"{module}.to_v"](tape, source)
        query = op.rms_norm(tape, linear[f"{module}.to_q"](tape, x), inner)
        key = op.rms_norm(tape, linear[f"{module}.to_k"](tape, source), inner)
        if ropes is not None:
            query = op.rotate(tape, query, ropes[0])
            key = op.rotate(tape, key, ropes[1])
        attended = op.attention(tape, query, key, value, query.count // inner, heads)
        mixed = self._gated(tape, module, x, attended) if self.model.gated else attended
        return linear[f"{module}.to_out.0"](tape, mixed)

    def _gated(self, tape: Tape, module: str, x: Ghost, attended: Ghost) -> Ghost:
        logits = self.linears[f"{module}.to_gate_logits"](tape, x)
        return op.mul(tape, attended, op.scale(tape, op.sigmoid(tape, logits)))

    def _bridge(self, tape: Tape, streams: Streams, sides: Sides) -> Streams:
        model = self.model
        normed = {name: op.rms_norm(tape, streams[name], model.branch(name).width) for name in self.run.modalities}
        to_video = self._across(tape, "audio_to_video_attn", ("video", "audio"), normed, sides)
        to_audio = self._across(tape, "video_to_audio_attn", ("audio", "video"), normed, sides)
        video = op.add(tape, streams["video"], op.mul(tape, to_video, self._gate(tape, "video", sides)))
        audio = op.add(tape, streams["audio"], op.mul(tape, to_audio, self._gate(tape, "audio", sides)))
        return {"video": video, "audio": audio}

    def _across(self, tape: Tape, module: str, pair: tuple[Modality, Modality], normed: Streams, sides: Sides) -> Ghost:
        """What the first modality of the pair takes from the second."""
        query, source = pair
        ropes = sides[query].bridge_rope, sides[source].bridge_rope
        assert ropes[0] is not None
        assert ropes[1] is not None
        return self._attend(
            tape,
            module,
            self.model.audio.heads,
            self._scaled(tape, query, normed[query], sides),
            self._scaled(tape, source, normed[source], sides),
            (ropes[0], ropes[1]),
        )

    def _scaled(self, tape: Tape, name: Modality, x: Ghost, sides: Sides) -> Ghost:
        table, rows = self.bridge_tables[name], sides[name].bridge_rows
        assert rows is not None
        factor = op.add(tape, op.plus_one(tape, op.select(tape, table, 5)), op.select(tape, rows, 4))
        product = op.mul(tape, x, factor)
        del factor
        return op.add(tape, product, op.add(tape, op.select(tape, table, 5), op.select(tape, rows, 4)))

    def _gate(self, tape: Tape, name: Modality, sides: Sides) -> Ghost:
        gate = sides[name].bridge_gate
        assert gate is not None
        return op.add(tape, op.select(tape, self.bridge_tables[name], 5), gate)

    def _feed_forward(self, tape: Tape, name: Modality, x: Ghost, side: Side) -> Ghost:
        prefix, width = _prefix(name), self.model.branch(name).width
        factor, shift = self._row(tape, name, side), self._row(tape, name, side)
        product = op.mul(tape, op.rms_norm(tape, x, width), op.plus_one(tape, factor))
        given = op.add(tape, product, shift)
        del product
        hidden = self._inner(tape, prefix, given)
        del given
        return op.add(tape, x, op.mul(tape, hidden, self._row(tape, name, side)))

    def _inner(self, tape: Tape, prefix: str, given: Ghost) -> Ghost:
        wide = op.gelu(tape, self.linears[f"{prefix}ff.net.0.proj"](tape, given))
        return self.linears[f"{prefix}ff.net.2"](tape, wide)


def _prefix(name: Modality) -> str:
    return "" if name == "video" else "audio_"


class Frame:
    """What stands before and after the blocks."""

    def __init__(self, model: ModelShape, run: RunShape, layout: Layout) -> None:
        self.model, self.run = model, run
        self.linears = {shape.name: Linear(shape, run, adapted=False) for shape in layout.root}
        width = FP32 if run.full or not run.half else HALF
        self.tables = {
            name: op.parameter(2 * model.branch(name).width, width, trained=run.full) for name in run.modalities
        }

    def enter(self, tape: Tape) -> tuple[Streams, Sides]:
        """Tokens and conditions of all blocks."""
        sides: Sides = {name: self._side(tape, name) for name in self.run.modalities}
        streams: Streams = {}
        for name in self.run.modalities:
            branch = self.model.branch(name)
            tokens = tape.new(self.run.batch * self.run.tokens(name) * branch.channels, FP32)
            streams[name] = self.linears[f"{_prefix(name)}patchify_proj"](tape, tokens)
        return streams, sides

    def _side(self, tape: Tape, name: Modality) -> Side:
        run, model, prefix = self.run, self.model, _prefix(name)
        width, batch, tokens = model.branch(name).width, run.batch, run.tokens(name)
        levels = tokens if name in run.mixed else 1
        rows, embedded = self._embed(tape, f"{prefix}adaln_single", batch * levels)
        prompt = None
        if f"{prefix}prompt_adaln_single.linear" in self.linears:
            prompt, _ = self._embed(tape, f"{prefix}prompt_adaln_single", batch)
        context = Ghost(None, batch * run.text_tokens * model.context_width(name), HALF)
        if model.caption_width is not None:
            first = self.linears[f"{prefix}caption_projection.linear_1"](tape, context)
            context = self.linears[f"{prefix}caption_projection.linear_2"](tape, op.gelu(tape, first))
            del first
        side = Side(rows, embedded, context, tape.new(batch * tokens * width, FP32), prompt)
        if len(run.modalities) == 2:
            kind, gate = ("video", "a2v") if name == "video" else ("audio", "v2a")
            side.bridge_rows, _ = self._embed(tape, f"av_ca_{kind}_scale_shift_adaln_single", batch * levels)
            side.bridge_gate, _ = self._embed(tape, f"av_ca_{gate}_gate_adaln_single", batch)
            side.bridge_rope = tape.new(batch * tokens * model.bridge_width, FP32)
        return side

    def _embed(self, tape: Tape, name: str, levels: int) -> tuple[Ghost, Ghost]:
        wave = tape.new(levels * TIME_FREQUENCIES, FP32)
        first = self.linears[f"{name}.emb.timestep_embedder.linear_1"](tape, wave)
        embedded = self.linears[f"{name}.emb.timestep_embedder.linear_2"](tape, op.gelu(tape, first))
        return self.linears[f"{name}.linear"](tape, op.gelu(tape, embedded)), embedded

    def leave(self, tape: Tape, streams: Streams, sides: Sides) -> Streams:
        """Velocities."""
        return {name: self._velocity(tape, name, streams[name], sides[name]) for name in self.run.modalities}

    def _velocity(self, tape: Tape, name: Modality, x: Ghost, side: Side) -> Ghost:
        prefix, width = _prefix(name), self.model.branch(name).width
        both = tape.new(2 * side.embedded.count, max(side.embedded.width, self.tables[name].width))
        tape.record(both, (self.tables[name], side.embedded), passed_on)
        product = op.mul(tape, op.layer_norm(tape, x, width), op.plus_one(tape, op.select(tape, both, 2)))
        x = op.add(tape, product, op.select(tape, both, 2))
        del product
        return self.linears[f"{prefix}proj_out"](tape, x)

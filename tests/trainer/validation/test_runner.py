from __future__ import annotations

import shutil
import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from schemas import LtxTrainerConfig
from schemas.errors import ConfigError, NumericError, UsageError
from tests.trainer.validation.conftest import GUIDED, Configure
from trainer.files.checkpoint import ModelFiles
from trainer.loop.signals import Interrupted
from trainer.model.inputs import Modalities
from trainer.model.loading import load_transformer
from trainer.model.transformer import LtxTransformer
from trainer.rundir import EventLog, EventReader, RunDirectory
from trainer.validation import decoding, prompts
from trainer.validation.runner import ValidationRunner


@pytest.fixture
def transformer(files: ModelFiles) -> LtxTransformer:
    return load_transformer(files, dtype=torch.float32)


def _runner(config: LtxTrainerConfig, files: ModelFiles, **more: Any) -> tuple[ValidationRunner, RunDirectory]:
    """A runner that finds its prompts in the cache that the tests share."""
    return _fresh(config, files, cache=files.transformer.with_name("prompts"), **more)


def _fresh(
    config: LtxTrainerConfig, files: ModelFiles, dtype: torch.dtype = torch.float32, **more: Any
) -> tuple[ValidationRunner, RunDirectory]:
    run = RunDirectory(Path(config.output_dir))
    run.create()
    return ValidationRunner(config, files, "cpu", dtype, run, EventLog(run.events_path), **more), run


def test_video_with_sound_from_prompt_to_files(
    configure: Configure, files: ModelFiles, transformer: LtxTransformer
) -> None:
    samples = [{"prompt": "a red square"}, {"prompt": "a blue circle", "video_dims": [96, 64, 17], "seed": 0}]
    runner, run = _runner(configure(samples=samples, frame_rate=23.976), files)
    runner.prepare()
    told: list[tuple[str, int, int]] = []
    made = runner.run(transformer, 20, lambda *what: told.append(what))
    assert [item.path.name for item in made] == ["step_000020_1.mp4", "step_000020_2.mp4"]
    for item, (width, height, frames) in zip(made, [(64, 64, 9), (96, 64, 17)], strict=True):
        with av.open(str(item.path)) as container:
            video, audio = container.streams.video[0], container.streams.audio[0]
            assert (video.width, video.height, video.frames) == (width, height, frames)
            assert float(video.average_rate or 0) == pytest.approx(23.976)
            assert audio.codec_context.layout.name == "stereo"
            samples_heard = sum(frame.samples for frame in container.decode(audio))
        expected = (4 * round(frames / 23.976 * 25) - 3) * 0.01
        assert samples_heard / audio.rate == pytest.approx(expected, abs=0.12)
        assert item.poster is not None
        with Image.open(item.poster) as poster:
            assert poster.size == (width, height)
    events = EventReader(run.events_path).poll()
    assert [(event["type"], event["step"], event["index"], event["prompt"]) for event in events] == [
        ("sample", 20, 0, "a red square"),
        ("sample", 20, 1, "a blue circle"),
    ]
    assert [Path(event["path"]) for event in events] == [item.path for item in made]
    assert [done for _, done, _ in told] == [0, 1, 2, 2, 3, 4, 4, 4, 4]
    assert {total for _, _, total in told} == {4}


def _frames(path: Path) -> np.ndarray[Any, Any]:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def test_same_seed_same_sample_and_zero_is_a_seed(
    configure: Configure, files: ModelFiles, transformer: LtxTransformer
) -> None:
    seeds: list[int | None] = [0, 7, None, 7]
    samples = [{"prompt": "a red square", "seed": seed} for seed in seeds]
    runner, _ = _runner(configure(samples=samples, seed=0, generate_audio=False, inference_steps=1), files)
    runner.prepare()
    zero, seven, default, again = (_frames(item.path) for item in runner.run(transformer, 1))
    assert np.array_equal(seven, again)
    assert np.array_equal(zero, default)
    assert not np.array_equal(zero, seven)


def test_sound_alone_is_a_wav_and_one_frame_a_png(
    configure: Configure, files: ModelFiles, transformer: LtxTransformer
) -> None:
    one = {"inference_steps": 1}
    runner, _ = _runner(configure(generate_video=False, video_dims=[64, 64, 25], frame_rate=25.0, **one), files)
    runner.prepare()
    (sound,) = runner.run(transformer, 0)
    assert (sound.path.name, sound.poster) == ("step_000000_1.wav", None)
    with wave.open(str(sound.path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (2, 2)
        assert file.getnframes() / file.getframerate() == pytest.approx(0.97, abs=0.02)
    runner, _ = _runner(configure(video_dims=[96, 64, 1], **one), files)
    runner.prepare()
    (picture,) = runner.run(transformer, 0)
    assert picture.path.name == "step_000000_1.png"
    with Image.open(picture.path) as image:
        assert image.size == (96, 64)


def test_training_is_not_disturbed(configure: Configure, files: ModelFiles, transformer: LtxTransformer) -> None:
    runner, _ = _runner(configure(**GUIDED), files)
    runner.prepare()
    transformer.train()
    transformer.transformer_blocks[0].eval()
    modes = {name: part.training for name, part in transformer.named_modules()}
    seen: list[bool] = []
    hook = transformer.register_forward_pre_hook(lambda module, _: seen.append(module.training))
    torch.manual_seed(5)
    state = torch.get_rng_state()
    try:
        runner.run(transformer, 3)
    finally:
        hook.remove()
    assert torch.equal(torch.get_rng_state(), state)
    assert {name: part.training for name, part in transformer.named_modules()} == modes
    assert seen == [False] * 2  # the four passes of each step go together


def test_failure_restores_mode_and_random_state(
    configure: Configure, files: ModelFiles, transformer: LtxTransformer
) -> None:
    runner, run = _runner(configure(), files)
    runner.prepare()
    transformer.train()

    def explode(*_: object) -> None:
        torch.rand(3)
        raise torch.OutOfMemoryError("no memory left")

    hook = transformer.transformer_blocks[1].register_forward_pre_hook(explode)
    state = torch.get_rng_state()
    with pytest.raises(torch.OutOfMemoryError):
        runner.run(transformer, 3)
    hook.remove()
    assert transformer.training
    assert torch.equal(torch.get_rng_state(), state)
    assert list(run.samples_path.iterdir()) == []


def test_diverged_weights_are_named(configure: Configure, files: ModelFiles, transformer: LtxTransformer) -> None:
    runner, _ = _runner(configure(), files)
    runner.prepare()
    with torch.no_grad():
        transformer.proj_out.weight.fill_(float("nan"))
    with pytest.raises(NumericError, match="video of validation sample 1"):
        runner.run(transformer, 3)


def test_prompts_are_encoded_once_and_found_again(
    configure: Configure, files: ModelFiles, transformer: LtxTransformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = [{"prompt": "one"}, {"prompt": "two"}, {"prompt": "one"}]
    config = configure(samples=samples, **GUIDED, inference_steps=1, generate_audio=False)
    runner, _ = _fresh(config, files)
    runner.prepare()
    folder = Path(config.data.preprocessed_data_root) / ".validation_cache"
    entries = sorted(folder.iterdir())
    assert len(entries) == 3  # two prompts and the negative one
    for entry in entries:
        assert set(load_file(entry)) == {"video"}

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the text encoder was loaded though every prompt is on disk")

    monkeypatch.setattr(prompts, "open_text_encoder", refuse)
    again, _ = _fresh(config, files)
    again.prepare()
    assert len(again.run(transformer, 1)) == 3
    monkeypatch.undo()
    entries[0].write_bytes(entries[0].read_bytes()[:100])
    told: list[str] = []
    _fresh(config, files)[0].prepare(told.append)
    assert "encoding prompt 1 of 1" in told
    assert load_file(entries[0])


def test_another_checkpoint_or_prompt_finds_no_old_entry(
    configure: Configure, files: ModelFiles, tmp_path: Path
) -> None:
    config = configure()
    _fresh(config, files)[0].prepare()
    folder = Path(config.data.preprocessed_data_root) / ".validation_cache"
    (entry,) = folder.iterdir()  # no guidance: no negative prompt
    assert set(load_file(entry)) == {"video", "audio"}
    moved = tmp_path / "copy.safetensors"
    shutil.copy(files.transformer, moved)
    same = replace(files, transformer=moved, extractor=(moved,), connectors=(moved,))
    _fresh(config, same)[0].prepare()
    assert len(list(folder.iterdir())) == 1  # the same content elsewhere is the same checkpoint
    data = bytearray(moved.read_bytes())
    data[len(data) // 64 * 33 : len(data) // 64 * 34] = bytes(len(data) // 64)
    moved.write_bytes(bytes(data))
    told: list[str] = []
    _fresh(config, same)[0].prepare(told.append)
    assert told
    assert len(list(folder.iterdir())) == 2


def test_read_only_data_keeps_the_prompts_in_the_run(
    configure: Configure, files: ModelFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configure(video_cfg_scale=2.0)
    monkeypatch.setattr("os.access", lambda *_: False)
    runner, run = _fresh(config, files)
    runner.prepare()
    assert len(list((run.path / ".validation_cache").iterdir())) == 2


def test_nothing_is_loaded_without_samples(
    configure: Configure, files: ModelFiles, transformer: LtxTransformer
) -> None:
    runner, run = _runner(configure(samples=[]), replace(files, text_encoder=None))
    runner.prepare()
    assert runner.run(transformer, 1) == ()
    assert not runner.due(0, start=True)
    assert not runner.due(100)
    assert list(run.samples_path.iterdir()) == []


def test_decoders_come_one_at_a_time_after_all_sampling(
    configure: Configure, files: ModelFiles, transformer: LtxTransformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    for name in ("load_video_decoder", "load_audio_decoder", "load_vocoder"):
        real = getattr(decoding, name)

        def spy(*given: Any, real: Any = real, name: str = name, **more: Any) -> Any:
            order.append(name)
            return real(*given, **more)

        monkeypatch.setattr(decoding, name, spy)
    runner, _ = _runner(configure(samples=[{"prompt": "one"}, {"prompt": "two"}], inference_steps=1), files)
    runner.prepare()
    runner.run(transformer, 1, lambda message, *_: order.append(message.partition(" ")[0]))
    videos = ["load_video_decoder", "decoding", "decoding"]
    assert order == [*["sample"] * 4, "decoding", *videos, "load_audio_decoder", "load_vocoder"]
    order.clear()
    runner, _ = _runner(configure(generate_audio=False, inference_steps=1), files)
    runner.prepare()
    runner.run(transformer, 1)
    assert order == ["load_video_decoder"]


def test_due_follows_interval_and_start(configure: Configure, files: ModelFiles) -> None:
    runner, _ = _runner(configure(interval=50), files)
    assert [step for step in range(160) if runner.due(step)] == [50, 100, 150]
    assert runner.due(0, start=True)
    assert runner.due(30, start=True)
    runner.interval = 40
    assert runner.due(80)
    runner.interval = None
    assert not runner.due(80)
    assert not runner.due(0, start=True)
    skipping, _ = _runner(configure(skip_initial_validation=True), files)
    assert not skipping.due(0, start=True)


def test_what_cannot_be_made_is_refused_before_loading(configure: Configure, files: ModelFiles) -> None:
    with pytest.raises(ConfigError) as refusal:
        _runner(
            configure(
                samples=[
                    {"prompt": "x", "conditions": [{"type": "prefix", "video": "a.mp4", "num_frames": 8}]},
                    {"prompt": "y", "video_dims": [100, 64, 10]},
                ],
                stg_blocks=[28],
                video_stg_scale=1.0,
            ),
            files,
        )
    assert [problem.path for problem in refusal.value.problems] == [
        "validation.samples[0].conditions[0]",
        "validation.samples[1].video_dims",
        "validation.samples[1].video_dims",
        "validation.stg_blocks",
    ]


def test_a_half_the_run_does_not_hold_is_left_out_with_a_warning(configure: Configure, files: ModelFiles) -> None:
    held = Modalities(audio=False)
    runner, run = _runner(configure(**GUIDED, inference_steps=1), files, modalities=held)
    (warning,) = EventReader(run.events_path).poll()
    assert (warning["type"], warning["code"]) == ("warning", "validation_reduced")
    assert "without audio" in warning["message"]
    runner.prepare()
    (item,) = runner.run(load_transformer(files, modalities=held, dtype=torch.float32), 1)
    with av.open(str(item.path)) as container:
        assert not container.streams.audio
    whole, _ = _runner(configure(), files)
    whole.prepare()
    with pytest.raises(ValueError, match="lacks a modality"):
        whole.run(load_transformer(files, modalities=held, dtype=torch.float32), 1)
    _runner(configure(generate_audio=False), files, modalities=held)
    assert len(EventReader(run.events_path).poll()) == 2  # that warning and that sample


def test_missing_text_encoder_is_explained(configure: Configure, files: ModelFiles) -> None:
    runner, _ = _runner(configure(), replace(files, text_encoder=None))
    with pytest.raises(UsageError, match="text encoder"):
        runner.prepare()


def test_only_some_samples_for_one_of_several_ranks(
    configure: Configure, files: ModelFiles, transformer: LtxTransformer
) -> None:
    samples = [{"prompt": name} for name in "abc"]
    runner, _ = _runner(configure(samples=samples, inference_steps=1, generate_audio=False), files)
    runner.prepare()
    made = runner.run(transformer, 5, only=[2])
    assert [(item.index, item.path.name) for item in made] == [(2, "step_000005_3.mp4")]


def test_bf16_runs_under_autocast(configure: Configure, files: ModelFiles) -> None:
    runner, _ = _runner(configure(inference_steps=1), files, dtype=torch.bfloat16)
    runner.prepare()
    (item,) = runner.run(load_transformer(files, dtype=torch.bfloat16), 1)
    assert _frames(item.path).shape == (9, 64, 64, 3)


def test_a_wish_to_stop_ends_it_between_two_steps(
    configure: Configure, files: ModelFiles, transformer: LtxTransformer
) -> None:
    runner, run = _runner(configure(inference_steps=4), files)
    runner.prepare()
    transformer.train()
    done: list[int] = []

    def heed(message: str, count: int, total: int) -> None:
        done.append(count)
        if count == 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        runner.run(transformer, 1, heed)
    assert done == [0, 1, 2]
    assert transformer.training
    assert not list(run.samples_path.iterdir())
    done.clear()

    def while_decoding(message: str, count: int, total: int) -> None:
        done.append(count)
        if message == "decoding" and done.count(4) > 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        runner.run(transformer, 1, while_decoding)
    assert not list(run.samples_path.iterdir())

"""The steps of preparing a Whisper, each proven against the export before the next begins."""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import onnx

from voxduct.errors import ModelError
from voxduct.onnx.prepare import Precision
from voxduct.onnx.prepare.cache import Recipe, Record
from voxduct.onnx.prepare.cross_attention import expose_heads
from voxduct.onnx.prepare.decoder_graph import add_cross_outputs, build_decoder
from voxduct.onnx.prepare.decoder_weights import read_decoder
from voxduct.onnx.prepare.encoder_length import free_length
from voxduct.onnx.prepare.encoder_streaming import make_streaming
from voxduct.onnx.prepare.folder import ENCODER, FIRST, IN_PLACE, MERGED, NEXT, STREAMING, Export
from voxduct.onnx.prepare.fusion import fuse_attention
from voxduct.onnx.prepare.precision import to_fp16, to_int8
from voxduct.onnx.prepare.proof import (
    TOLERANCE,
    decoder_difference,
    encoder_difference,
    encoder_frames,
    in_place_difference,
    streaming_difference,
)
from voxduct.onnx.prepare.report import NotRewritable, Step
from voxduct.onnx.prepare.shapes import spell_out
from voxduct.onnx.prepare.storage import load, remove, save, save_sharing, size

logger = logging.getLogger(__name__)
PROBE_FRAMES = 102  # log-mel frames; not a multiple of anything but 2
Rewrite = Callable[[onnx.ModelProto], str]


class WhisperPreparation:
    """One run over one export; `write` does it all."""

    def __init__(self, export: Export, recipe: Recipe) -> None:
        self._export = export
        self._recipe = recipe
        self._steps: list[Step] = []
        self._differences: dict[str, float] = {}

    def write(self, folder: Path) -> Record:
        """Fills an empty folder with the prepared model.

        Raises:
            ModelError: the export itself does not run, or a rewritten graph differs from it.
        """
        (folder / "onnx").mkdir()
        for path in self._export.beside:
            shutil.copyfile(path, folder / path.name)
        made = {stem: folder / "onnx" / f"{stem}.onnx" for stem in self._export.graphs}
        self._rewrite_encoder(made[ENCODER])
        made = self._write_in_place(made) or self._rewrite_decoders(made)
        self._convert(made)
        self._write_streaming(folder / "onnx")
        return Record(self._recipe, self._steps, self._differences)

    def _write_in_place(self, made: dict[str, Path]) -> dict[str, Path] | None:
        """A decoder written anew, and the encoder that goes with it; None where the export's own has to do."""
        export, target = self._export, made[ENCODER].with_name(f"{IN_PLACE}.onnx")
        if IN_PLACE in export.decoders:
            save(load(export.decoders[IN_PLACE]), target)
            self._steps.append(Step(IN_PLACE, "in place", True, "the decoder writes its cache in place already"))
            return made
        if Precision(self._recipe.precision) is Precision.FP16:
            return None  # whose graphs are for other devices than the processor, for which this one is written
        encoder = made[ENCODER].with_name(f"cross_{ENCODER}.onnx")
        try:
            note = self._build_in_place(made[ENCODER], encoder, target)
        except (NotRewritable, ModelError) as reason:
            self._steps.append(Step(IN_PLACE, "in place", False, str(reason)))
            logger.warning("the decoder is kept as the export has it: %s", reason)
            for path in (encoder, target):
                remove(path)
            return None
        self._steps.append(Step(IN_PLACE, "in place", True, note))
        remove(made[ENCODER])
        save(load(encoder), made[ENCODER])
        remove(encoder)
        return {ENCODER: made[ENCODER], IN_PLACE: target}

    def _build_in_place(self, plain: Path, encoder: Path, decoder: Path) -> str:
        export = self._export
        weights = read_decoder(load(next(iter(export.decoders.values()))), layers=export.layers)
        listening = load(plain)
        add_cross_outputs(listening, weights, heads=export.heads)
        save(listening, encoder)
        save(build_decoder(weights, export.alignment, heads=export.heads), decoder)
        self._compare("decoder", in_place_difference(roles(export.decoders), encoder, decoder, export.inputs))
        return f"{export.layers} layers, {len(load(decoder).graph.node)} nodes"

    def _rewrite_decoders(self, made: dict[str, Path]) -> dict[str, Path]:
        for stem in self._export.decoders:
            self._rewrite_decoder(stem, made[stem])
        self._compare("decoder", decoder_difference(roles(self._export.decoders), roles(made), self._export.inputs))
        return made

    def _convert(self, made: dict[str, Path]) -> None:
        """Puts converted graphs, with the precision in their names, in the place of the exact ones."""
        precision = Precision(self._recipe.precision)
        match precision:
            case Precision.FP32:
                return
            case Precision.INT8:
                convert = to_int8
            case Precision.FP16:
                convert = to_fp16
        converted = {stem: path.with_name(f"{stem}_{precision}.onnx") for stem, path in made.items()}
        for stem, path in made.items():
            save(convert(load(path)), converted[stem])
            self._steps.append(
                Step(stem, precision.value, True, f"{size(converted[stem]) / size(path):.2f} of the size")
            )
            remove(path)
        export, inputs, name = self._export, self._export.inputs, precision.value
        encoder = encoder_difference(export.encoder, converted[ENCODER], inputs)
        self._compare(f"encoder_{name}", encoder, tolerance=math.inf)
        self._compare(f"decoder_{name}", self._converted_difference(converted), tolerance=math.inf)

    def _write_streaming(self, folder: Path) -> None:
        """The encoder's other form, with its weights in a file that both share."""
        export, precision = self._export, Precision(self._recipe.precision)
        if not export.streams or precision is Precision.FP16:
            return
        suffix = "" if precision is Precision.FP32 else f"_{precision}"
        plain, streaming = (folder / f"{stem}{suffix}.onnx" for stem in (ENCODER, STREAMING))
        model = load(plain)
        heads, width = export.encoder_heads, export.inputs.width
        if self._step(STREAMING, "looking back", lambda m: make_streaming(m, heads=heads, width=width), model):
            save_sharing(load(plain), plain, model, streaming)
            exact = TOLERANCE if precision is Precision.FP32 else math.inf
            self._compare(STREAMING, streaming_difference(plain, streaming, export.inputs), tolerance=exact)

    def _converted_difference(self, converted: dict[str, Path]) -> float:
        export = self._export
        if IN_PLACE in export.decoders:  # which was proven where it was made
            return 0.0
        if IN_PLACE in converted:
            decoder, encoder = converted[IN_PLACE], converted[ENCODER]
            return in_place_difference(roles(export.decoders), encoder, decoder, export.inputs)
        return decoder_difference(roles(export.decoders), roles(converted), export.inputs)

    def _rewrite_encoder(self, path: Path) -> None:
        export = self._export
        heads, width = export.encoder_heads, export.inputs.width // export.encoder_heads
        model = load(export.encoder)
        freed = self._step(ENCODER, "length", free_length, model)
        save(model, path)
        self._compare("encoder", encoder_difference(export.encoder, path, export.inputs))
        if freed and encoder_frames(path, export.inputs, PROBE_FRAMES) != PROBE_FRAMES // 2:
            raise ModelError(f"{export.encoder} makes states of another length than {PROBE_FRAMES // 2}")
        self._step(ENCODER, "shapes", lambda model: spell_out(model, heads=heads, width=width), model)
        self._step(ENCODER, "fusion", lambda model: fuse_attention(model, heads=heads), model)
        self._take_if_equal(model, path)

    def _take_if_equal(self, model: onnx.ModelProto, path: Path) -> None:
        """Puts a faster encoder in the place of the plain one, unless it differs from the export."""
        faster = path.with_name(f"faster_{path.name}")
        save(model, faster)
        try:
            self._compare("encoder", encoder_difference(self._export.encoder, faster, self._export.inputs))
        except ModelError as error:
            self._steps.append(Step(ENCODER, "shapes and fusion", False, f"taken back: {error}"))
            logger.warning("%s: shapes and fusion are left out: %s", ENCODER, error)
        else:
            save(model, path)
        finally:
            remove(faster)

    def _rewrite_decoder(self, stem: str, path: Path) -> None:
        export = self._export
        layers, heads, width = export.layers, export.heads, export.inputs.width // export.heads
        model = load(export.decoders[stem])
        self._step(
            stem, "attention", lambda model: expose_heads(model, export.alignment, layers=layers, heads=heads), model
        )
        self._step(stem, "shapes", lambda model: spell_out(model, heads=heads, width=width), model)
        save(model, path)

    def _step(self, graph: str, step: str, rewrite: Rewrite, model: onnx.ModelProto) -> bool:
        """Whether it was done; a graph without the pattern goes on as it is."""
        try:
            note, done = rewrite(model), True
        except NotRewritable as reason:
            note, done = str(reason), False
            logger.warning("%s: %s is left out: %s", graph, step, note)
        self._steps.append(Step(graph, step, done, note))
        return done

    def _compare(self, what: str, difference: float, tolerance: float = TOLERANCE) -> None:
        """Records a difference; what is not a number passes no tolerance."""
        self._differences[what] = difference
        if not difference <= tolerance or math.isinf(difference):
            raise ModelError(
                f"{self._export.folder} cannot be prepared: its {what} differs from the export by {difference:.2g}, "
                f"more than {TOLERANCE:g}; use the export as it is or another precision, and report it"
            )


def roles(decoders: dict[str, Path]) -> dict[str, Path]:
    """Which decoder is fed first and which after it."""
    if MERGED in decoders:
        return {"first": decoders[MERGED], "next": decoders[MERGED]}
    return {"first": decoders[FIRST], "next": decoders[NEXT]}

"""From options to a running `Engine`: finds the models, checks them, and puts the adapters together."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from threadpoolctl import threadpool_limits

from voxduct.asr.recogniser import Recogniser
from voxduct.codec.clip import ClipCodec, StreamedClips
from voxduct.codec.fewer_books import FewerBooks, rates_kbps
from voxduct.codec.lyra import Rate
from voxduct.codec.stretches import WireCodec
from voxduct.continuation.stream import Continuer
from voxduct.errors import AudioFormatError, HubError, ModelError, UnknownModelError
from voxduct.hub import MANIFEST_NAME, ModelKind, read_manifest, resolve, verify
from voxduct.hub.catalogue import LocalModel
from voxduct.hub.client import HubClient
from voxduct.hub.lyra import LYRA
from voxduct.hub.pull import ensure
from voxduct.hub.raw import find_raw
from voxduct.hub.reference import HubModel
from voxduct.hub.voices import find_pulled_voice, find_voice
from voxduct.models import Codec, VadModel
from voxduct.onnx import synthesiser as onnx_synthesiser
from voxduct.onnx.code_lm import OnnxSpeakerEncoder, is_own_voice
from voxduct.onnx.code_vectors import read_code_vectors
from voxduct.onnx.codec import OnnxCodec, is_own
from voxduct.onnx.codecs import ExportedCodec
from voxduct.onnx.continuation import load_continuer as load_onnx_continuer
from voxduct.onnx.lyra import LyraCodec, LyraModel
from voxduct.onnx.pocket import is_pocket, load_pocket
from voxduct.onnx.prepare.lyra import prepare_lyra
from voxduct.onnx.prompted import is_prompted, load_prompted
from voxduct.onnx.runtime import OrtOptions, Provider
from voxduct.onnx.silero import SileroVad
from voxduct.onnx.webrtc import WebrtcVad
from voxduct.onnx.whisper import load_recogniser
from voxduct.onnx.whisper_layout import choose_files
from voxduct.session import Engine
from voxduct.tts.synthesiser import Synthesiser
from voxduct.tts.text_to_speech import TextToSpeech
from voxduct.voices.enrolment import Enroller
from voxduct.voices.shelf import VoiceShelf
from voxduct.voices.store import VoiceStore

logger = logging.getLogger(__name__)


class VadKind(StrEnum):
    """Which voice activity detector."""

    SILERO = "silero"
    WEBRTC = "webrtc"


Device = Provider
OWN_CODEC = "voxduct-codec-16k"  # its name on the wire
LYRA_CODECS = {f"lyra-{rate.kbps:g}": rate for rate in Rate}
WIRE_CODECS = (OWN_CODEC, *LYRA_CODECS)
OWN_FAMILY = "voxduct"  # of codecs that Voxduct made
# What a device runs best, where the user named no precision; else the folder decides.
PRECISIONS = {Device.CUDA: "fp16", Device.TENSORRT: "fp16"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """Which models, and on what they run; None is the embedded one."""

    asr: str | None = None
    second_asr: str | None = None
    """Hears utterances again when there is time; here None is no second recogniser."""
    second_beams: int | None = None
    """Hypotheses that the second recogniser follows side by side; None: as many as its model asks for."""
    tts: str | None = None
    vad: VadKind = VadKind.SILERO
    device: Device = Device.CPU
    threads: int = 1
    """Within one run of a model; the server runs several at once."""
    delay_ms: int | None = None
    """See `AsrOptions.with_delay`; None is what suits the model."""
    breath: bool = False
    """See `TtsOptions.breath`."""
    room: float = 0.0
    """See `TtsOptions.room`."""
    wire_codecs: tuple[str, ...] = ()
    """Those of `WIRE_CODECS` that sessions may use instead of PCM."""


def load_engine(options: EngineOptions, *, speaks: bool = True) -> Engine:
    """Everything a session needs; some seconds of work.

    numpy's BLAS is held to one thread from here on: the scheduler runs several jobs at once, and threads that spin
    for a small matrix product take the cores from them.

    Recognisers that are on a hub are pulled first, unless they were before.

    Raises:
        UnknownModelError: no model of that name.
        HubError: a published voice was not pulled yet.
        ModelError: a model is missing, damaged, cannot be pulled, or does not fit the others.
        ExtraError: Lyra's codec was asked for, and what converts it is not installed.
        ValueError: the delay or the room is out of range.
    """
    threadpool_limits(limits=1, user_api="blas")
    asr = locate(options.asr, ModelKind.ASR, options.device)
    recogniser = load_recogniser(asr.folder, _ort_options(options), precision=asr.precision)
    second = _load_second(options, asr, recogniser)  # follows nothing, so that a delay is nothing to it
    if options.delay_ms is not None:
        recogniser = recogniser.configured(recogniser.options.with_delay(options.delay_ms))
    synthesiser = load_synthesiser(options) if speaks else None
    codecs = load_wire_codecs(options, None if synthesiser is None else synthesiser.codec)
    return Engine(_load_vad(options), recogniser, synthesiser, second, codecs=codecs)


def _load_second(options: EngineOptions, first: LocalModel, recogniser: Recogniser) -> Recogniser | None:
    """The second recogniser; where it is the first one's model, that is in memory once."""
    if options.second_asr is None:
        return None
    second = locate(options.second_asr, ModelKind.ASR, options.device)
    if second != first:
        recogniser = load_recogniser(second.folder, _ort_options(options), precision=second.precision)
    if options.second_beams is None:
        return recogniser
    return recogniser.configured(decoding=replace(recogniser.decoding, beams=options.second_beams))


def load_synthesiser(options: EngineOptions) -> TextToSpeech:
    """The speaking half alone: one of Voxduct's own voices, or a published model. Raises as `load_engine` does."""
    synthesiser = _load_synthesiser(options)
    synthesiser.options = replace(synthesiser.options, breath=options.breath, room=options.room)
    return synthesiser


def _load_synthesiser(options: EngineOptions) -> TextToSpeech:
    place = locate(options.tts, ModelKind.CODEC_LM, options.device)
    if is_pocket(place.folder):
        return load_pocket(place.folder, place.precision, _ort_options(options))
    if not is_own_voice(place.folder) and is_prompted(place.folder):
        return load_prompted(place.folder, place.precision, _ort_options(options))
    return load_own_synthesiser(options)


def load_own_synthesiser(options: EngineOptions) -> Synthesiser:
    """A voice that speaks phones; raises ModelError where the model is another one."""
    return onnx_synthesiser.load_synthesiser(
        locate(options.tts, ModelKind.CODEC_LM).folder,
        locate(None, ModelKind.CODEC).folder,
        locate(None, ModelKind.G2P).folder,
        _ort_options(options),
    )


def load_enroller(options: EngineOptions, synthesiser: TextToSpeech, vad: VadModel | None = None) -> Enroller:
    """What makes voices of clips; `vad` is one that is loaded already.

    Raises:
        ModelError: as `load_engine` does, or the voice model is a published one.
    """
    if not isinstance(synthesiser, Synthesiser):
        raise ModelError(
            "only Voxduct's own voice models take further voices here; leave out --tts, or name one of them there"
        )
    encoder = OnnxSpeakerEncoder(locate(options.tts, ModelKind.CODEC_LM).folder, _ort_options(options))
    return Enroller(vad or _load_vad(options), encoder, synthesiser)


def load_shelf(enroller: Enroller, folder: Path) -> VoiceShelf:
    """The voices, with those kept in `folder`; they are not ready to speak before `VoiceShelf.load`."""
    codec = locate(None, ModelKind.CODEC).folder
    return VoiceShelf(enroller, VoiceStore(folder), read_manifest(codec).files["onnx/encoder.onnx"])


def load_continuer(options: EngineOptions, model: str | None = None) -> Continuer:
    """What goes on with a recording; `model` is a folder, or None for the embedded one.

    Raises:
        UnknownModelError: no such folder.
        ModelError: a file is missing or damaged.
    """
    folder = locate(model, ModelKind.CONTINUATION).folder
    codec = locate(None, ModelKind.CODEC).folder
    return load_onnx_continuer(folder, codec, _ort_options(options))


def load_codec(options: EngineOptions) -> OnnxCodec:
    """The codec alone; raises ModelError as `load_engine` does."""
    return OnnxCodec(locate(None, ModelKind.CODEC).folder, _ort_options(options))


def load_codec_at(options: EngineOptions, kbps: float | None = None, books: int | None = None) -> tuple[Codec, int]:
    """The codec at a rate, or with the first books only, and by how many samples what it decodes lags.

    Raises:
        AudioFormatError: it has no such rate, or not so many books. ModelError: as `load_engine` does.
    """
    codec = load_codec(options)
    if kbps is not None:
        rates = rates_kbps(codec)
        if kbps not in rates:
            named = ", ".join(f"{rate:g}" for rate in rates)
            raise AudioFormatError(f"the codec has no rate of {kbps:g} kbit/s; there are {named}", param="kbps")
        books = rates.index(kbps) + 1
    if books is None or books == codec.num_codebooks:
        return codec, codec.delay_samples
    vectors = read_code_vectors(locate(None, ModelKind.CODEC).folder, codec.num_codebooks, codec.cardinality)
    if vectors is None:
        raise ModelError("the codec's books cannot be told apart, so it has one rate")
    return FewerBooks(codec, books, vectors.neutral), codec.delay_samples


def load_clip_codec(options: EngineOptions, name: str) -> ClipCodec:
    """A codec in a folder of this machine, `FOLDER` or `FOLDER:PRECISION`: an exported one, or one of Voxduct's own.

    Raises:
        UnknownModelError: no such folder, or no graphs of this precision.
        ModelError: its files are damaged, or not those of a codec that is known.
    """
    place = resolve(name, ModelKind.CODEC)
    if not isinstance(place, LocalModel):
        raise UnknownModelError(f"{name} is no folder; fetch the codec first, and give its folder", param=name)
    if (place.folder / MANIFEST_NAME).is_file():
        verify(read_manifest(place.folder))
    if is_own(place.folder):
        codec = OnnxCodec(place.folder, _ort_options(options))
        return StreamedClips(codec, OWN_FAMILY, codec.delay_samples)
    return ExportedCodec(place.folder, place.precision, _ort_options(options))


def load_wire_codecs(options: EngineOptions, voice: Codec | None = None) -> dict[str, WireCodec]:
    """The codecs of `options.wire_codecs`, by name; `voice` is that of a synthesiser, which is not loaded twice.

    Raises:
        UnknownModelError: there is no such codec. Otherwise as `load_engine` does.
    """
    found, lyra = {}, None
    for name in options.wire_codecs:
        if name == OWN_CODEC:
            folder = locate(None, ModelKind.CODEC).folder
            codec = voice if isinstance(voice, OnnxCodec) else OnnxCodec(folder, _ort_options(options))
            found[name] = WireCodec.of(codec, name, read_manifest(folder).version, codec.delay_samples)
        elif name in LYRA_CODECS:
            lyra = lyra or load_lyra_model(options)
            found[name] = WireCodec.of(LyraCodec(lyra, LYRA_CODECS[name]), name, LYRA.revision)
        else:
            raise UnknownModelError(f"no codec {name!r:.60}; there are {', '.join(WIRE_CODECS)}", param="codec")
    return found


def load_lyra(options: EngineOptions, rate: Rate) -> LyraCodec:
    """Lyra's codec at a rate; raises as `load_lyra_model` does."""
    return LyraCodec(load_lyra_model(options), rate)


def load_lyra_model(options: EngineOptions) -> LyraModel:
    """Lyra's codec, for all rates; converted beside its files the first time.

    Raises:
        HubError: it was not pulled yet.
        ExtraError: huggingface_hub, or for converting onnx, is not installed.
        ModelError: its files are damaged.
    """
    manifest = find_raw(LYRA, HubClient().cache)
    if manifest is None:
        raise HubError(f"{LYRA.name} was not pulled yet; `voxduct models pull {LYRA.name}` does")
    verify(manifest)
    folder = prepare_lyra(manifest.folder, manifest.folder.with_name(f"{manifest.folder.name}-onnx"))
    return LyraModel(folder, _ort_options(options))


def _load_vad(options: EngineOptions) -> VadModel:
    match options.vad:
        case VadKind.SILERO:
            return SileroVad(options=_ort_options(options))
        case VadKind.WEBRTC:
            return WebrtcVad()


def _ort_options(options: EngineOptions) -> OrtOptions:
    return OrtOptions(provider=options.device, intra_op_threads=options.threads)


def locate(model: str | None, kind: ModelKind, device: Device = Device.CPU) -> LocalModel:
    """The model's folder and the precision to load; its files are compared with its manifest, where it has one.

    Raises as `load_engine` does.
    """
    if kind is ModelKind.CODEC_LM and model is not None and (found := find_voice(model)) is not None:
        voice, precision = found
        manifest = find_pulled_voice(voice, precision or PRECISIONS.get(device), HubClient())
        verify(manifest)
        return LocalModel(manifest.folder, precision)
    place = resolve(model, kind)
    precision = place.precision or PRECISIONS.get(device)
    match place:
        case HubModel():
            wanted = replace(place, precision=precision)
            place = LocalModel(ensure(wanted, choose_files, HubClient(), logger.info).folder, precision)
        case LocalModel():
            place = replace(place, precision=precision)
    if (place.folder / MANIFEST_NAME).is_file():
        verify(read_manifest(place.folder))
    return place

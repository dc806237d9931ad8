"""Published voices: a language model from one repository, its codec from another, made one model here.

    <cache>/models--<owner>--<name>/voxduct/<revision>/<precision>/manifest.json, config.json, onnx/..., codec/...

Sizes are numbers of parameters, as in `curated`. Licences are those that the makers of the weights state; they are
said before anything is downloaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from voxduct.errors import HubError, UnknownModelError
from voxduct.hub.client import HubClient, Listing
from voxduct.hub.manifest import Manifest
from voxduct.hub.pull import Choice, Reporter, fetch_files
from voxduct.hub.reference import DEFAULT_REVISION, HubModel, parse_reference
from voxduct.hub.store import assemble, find_pulled, locked, model_folder

KIND = "codec-lm"
CODEC = "codec"  # the folder that the codec goes to
DEFAULT_PRECISION = "int8"
ChooseFiles = Callable[[str, Mapping[str, int], str | None], Choice]
"""From the repository's name, its files' sizes in bytes, and a precision; raises ModelError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedVoice:
    """A codec language model on a hub."""

    alias: str
    repo_id: str
    codec_repo_id: str
    parameters: int
    """Of the language model and its codec's decoder."""
    license: str
    notice: str
    """Whose it is, and what its licence asks for; said before anything is downloaded."""
    languages: str


_VOICES = (
    PublishedVoice(
        alias="orpheus-3b",
        repo_id="onnx-community/orpheus-3b-0.1-ft-ONNX",
        codec_repo_id="onnx-community/snac_24khz-ONNX",
        parameters=3_300_000_000,
        license="Apache-2.0 (built on Llama 3.2)",
        notice="Canopy Labs says Apache-2.0, but the weights were made from Meta's Llama 3.2, whose community licence "
        "(https://www.llama.com/llama3_2/license/) binds what is built on it; SNAC: MIT. Using it accepts these terms",
        languages="en",
    ),
    PublishedVoice(
        alias="outetts-0.2",
        repo_id="onnx-community/OuteTTS-0.2-500M",
        codec_repo_id="onnx-community/WavTokenizer-large-speech-75token_decode",
        parameters=570_000_000,
        license="CC-BY-NC-4.0",
        notice="OuteAI's OuteTTS 0.2: not for commercial use; made from Qwen2.5-0.5B (Apache-2.0); WavTokenizer: MIT. "
        "Using it accepts these terms",
        languages="en",
    ),
)
VOICES = {voice.alias: voice for voice in _VOICES}


def find_voice(name: str) -> tuple[PublishedVoice, str | None] | None:
    """The voice that `ALIAS` or `ALIAS:PRECISION` names, and the precision; None where it names none.

    Raises:
        UnknownModelError: a revision of one is asked for.
    """
    alias = name.partition(":")[0].partition("@")[0]
    if alias not in VOICES:
        return None
    reference = parse_reference(name)
    if reference.revision is not None:
        raise UnknownModelError(f"{alias} is made of two repositories; leave out @{reference.revision}", param=name)
    return VOICES[alias], reference.precision


def find_pulled_voice(voice: PublishedVoice, precision: str | None, client: HubClient) -> Manifest:
    """The voice as it was pulled. It is never pulled unasked: its licence is to be read first.

    Raises:
        HubError: it was not pulled yet.
    """
    here = find_pulled(client.cache, voice.repo_id, DEFAULT_REVISION, precision or DEFAULT_PRECISION)
    if here is None:
        name = voice.alias if precision is None else f"{voice.alias}:{precision}"
        raise HubError(f"{name} was not pulled yet; `voxduct models pull {name}` does, and says under which licence")
    return here


def pull_voice(
    voice: PublishedVoice,
    precision: str | None,
    choose_lm: ChooseFiles,
    choose_codec: ChooseFiles,
    client: HubClient,
    report: Reporter,
) -> Manifest:
    """The voice as the hub has it now. What is here and whole is not downloaded again.

    `precision` is the language model's; the codec comes in the most exact that there is.

    Raises:
        UnknownModelError: no such repository or precision.
        HubError: the hub cannot be reached, refuses, or broke off; offline, the voice is not here.
        ChecksumError, DiskFullError, ModelError: as `hub.pull.pull`.
    """
    report(f"{voice.alias}: {voice.license}; {voice.notice}")
    taken = precision or DEFAULT_PRECISION
    here = find_pulled(client.cache, voice.repo_id, DEFAULT_REVISION, taken)
    if client.offline:
        if here is None:
            raise HubError(f"{voice.alias} is not in {client.cache}, and the hub is not asked offline; pull it online")
        return here
    lm = client.list_files(HubModel(voice.repo_id))
    codec = client.list_files(HubModel(voice.codec_repo_id))
    chosen, chosen_codec = _choose(lm, choose_lm, taken), _choose(codec, choose_codec, None)
    if chosen.remark:
        report(f"{voice.alias}: {chosen.remark}")
    waiting = f"{voice.alias}: waiting for another pull of it to end"
    with (
        locked(client.cache, voice.repo_id, waiting, report),
        locked(client.cache, voice.codec_repo_id, waiting, report),
    ):
        files = fetch_files(lm, chosen.files, client, report)
        beside = fetch_files(codec, chosen_codec.files, client, report)
        files |= {f"{CODEC}/{name}": path for name, path in beside.items()}
        target = model_folder(client.cache, voice.repo_id, DEFAULT_REVISION, taken)
        return assemble(target, f"{voice.alias}:{taken}", lm.commit[:12], voice.license, files, kind=KIND)


def _choose(listing: Listing, choose: ChooseFiles, precision: str | None) -> Choice:
    sizes = {name: file.size for name, file in listing.files.items()}
    return choose(str(listing.model), sizes, precision)

"""Lyra's SoundStream: where its makers publish the weights, and what they are."""

from __future__ import annotations

from voxduct.hub.raw import RawFile, RawModel

LYRA = RawModel(
    name="lyra-soundstream",
    kind="codec",
    repo_id="google/lyra",
    revision="v1.3.2",
    precision="tflite",
    address="https://raw.githubusercontent.com/google/lyra/v1.3.2",
    license="Apache-2.0",
    notice="copyright Google LLC, https://github.com/google/lyra/blob/v1.3.2/LICENSE; using it accepts these terms",
    files=(
        RawFile("LICENSE", 11_358, "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"),
        RawFile(
            "lyra/model_coeffs/soundstream_encoder.tflite",
            1_779_200,
            "237da0b16226fb0a68d49551c81bebf614e42142af72764448359f68581e88f1",
        ),
        RawFile(
            "lyra/model_coeffs/quantizer.tflite",
            329_012,
            "841ee05989687d32d1f616a8ad1419fc7eda37599d3c05c7cf5a0d60ccf8ac5c",
        ),
        RawFile(
            "lyra/model_coeffs/lyragan.tflite",
            1_475_160,
            "50e7839cda4f30599a3a34cfaddcd9c98449b049eee884e1a74295780448ad06",
        ),
    ),
)

"""Where the bridge connects to."""

from __future__ import annotations

import pytest

from voxduct.bridges.mqtt_options import MqttOptions, topic_level
from voxduct.errors import MessageError


def test_mqtt_options_from_url_takes_everything() -> None:
    options = MqttOptions.from_url("mqtts://me:p%40ss@broker.lan/home/voice?node=desk")
    assert (options.host, options.port, options.tls) == ("broker.lan", 8883, True)
    assert (options.username, options.password) == ("me", "p@ss")
    assert options.root == "home/voice/desk"
    assert "p@ss" not in repr(options)


def test_mqtt_options_from_url_needs_only_a_host() -> None:
    options = MqttOptions.from_url("mqtt://broker", password="given")
    assert (options.port, options.base, options.password) == (1883, "voxduct", "given")
    assert options.root == f"voxduct/{options.node}"


@pytest.mark.parametrize(
    "url",
    ["", "broker", "http://broker", "mqtt://", "mqtt://b:x", "mqtt://b:0", "mqtt://b/a/+", "mqtt://b/$SYS",
     "mqtt://b/a//b", "mqtt://b?node=a/b", "mqtt://b?nodes=a", "mqtt://b:70000"],
)  # fmt: skip
def test_mqtt_options_bad_url_is_refused(url: str) -> None:
    with pytest.raises(MessageError):
        MqttOptions.from_url(url)


@pytest.mark.parametrize("name", ["a/b", "+", "#", "", "a b", "ünï", "$SYS"])
def test_mqtt_topic_level_has_nothing_special(name: str) -> None:
    level = topic_level(name)
    assert level
    assert not set(level) & set("/+#$ ")

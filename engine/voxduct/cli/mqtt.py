"""The option `--mqtt` of `voxduct serve`: joins a server and an MQTT bridge, which know nothing of each other."""

from __future__ import annotations

import os

from voxduct.bridges.mqtt import MqttBridge
from voxduct.bridges.mqtt_messages import SayCommand
from voxduct.bridges.mqtt_options import MqttOptions
from voxduct.server.serve import VoiceServer
from voxduct.wire import Say

PASSWORD_VARIABLE = "VOXDUCT_MQTT_PASSWORD"
OPTION_HELP = f"publish what is heard, hear what to say: mqtt://HOST:PORT/BASE (password: ${PASSWORD_VARIABLE})"


def mqtt_options(url: str | None) -> MqttOptions | None:
    """What `--mqtt` asks for; raises MessageError when that is no MQTT address."""
    return None if url is None else MqttOptions.from_url(url, password=os.environ.get(PASSWORD_VARIABLE))


def attach_mqtt(server: VoiceServer, options: MqttOptions | None) -> None:
    """Attaches a bridge to the server, when one is wanted."""
    if options is None:
        return

    def speak(command: SayCommand) -> None:
        server.speak(Say(text=command.text, id=command.id, voice=command.voice), command.session)

    server.attach(MqttBridge(options, speak))

"""Adapters from other protocols onto the engine: beside `voxduct.server`, never below it.

A server takes the MQTT bridge in with three calls, all on its event loop:

    options = MqttOptions.from_url("mqtt://broker.lan:1883/voxduct")
    bridge = MqttBridge(options, on_say=speak)     # speak(SayCommand): to `command.session`, or to all when it is None
    task = group.create_task(bridge.run())         # until cancelled; says `offline` and returns then
    bridge.publish_event(session_id, event)        # for every engine event of every session; never waits
    bridge.session_closed(session_id)              # once, when a session ends, however it ended

`speak` must not block. A VoxductError that it raises is published on the node's error topic, and so is any other
failure, without its text; the bridge lives on. Topics and payloads: docs/mqtt.md.
"""

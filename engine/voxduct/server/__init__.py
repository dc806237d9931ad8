"""The only place with sockets: one port for the WebSocket, health, metrics and the page."""

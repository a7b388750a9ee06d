"""Ways out to other programs: MQTT, OSC, webhooks and commands, each with a queue and a thread of its own."""

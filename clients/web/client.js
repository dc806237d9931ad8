// The page at `/`: captions the microphone and speaks typed text over one WebSocket. Protocol: docs/protocol.md.

const MAX_RATE = 48000; // Hz, the most a session takes
const CUSHION_SECONDS = 0.15; // speech that is collected before it is played
const MAX_UNSENT_SECONDS = 10; // microphone audio that may wait for the network
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 8000;
const RESTART_CLOSE = 1012;

const $ = (id) => document.getElementById(id);

// --- showing things

function showState(text, kind) {
  $("state").textContent = text;
  $("dot").className = `dot ${kind}`;
}

function showError(text) {
  $("error").textContent = text;
  $("error").hidden = !text;
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  const pad = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  return (hours ? `${hours}:` : "") + `${pad(Math.floor(whole / 60) % 60)}:${pad(whole % 60)}`;
}

class Captions {
  constructor() {
    this.committed = new Map(); // utterance -> text so far
    this.finished = new Map(); // utterance -> its paragraph, of this session
  }

  commit({ utterance, text }) {
    const before = this.committed.get(utterance);
    this.committed.set(utterance, before ? `${before} ${text}` : text);
    this.showLive(utterance, "");
  }

  revise({ utterance, text }) {
    this.showLive(utterance, text);
  }

  showLive(utterance, partial) {
    $("committed").textContent = this.committed.get(utterance) ?? "";
    $("partial").textContent = partial;
    this.follow();
  }

  finish({ utterance, text, start }) {
    this.committed.delete(utterance);
    this.showLive(utterance, "");
    if (text) this.finished.set(utterance, this.add(text, clock(start)));
  }

  correct({ utterance, text, start }) {
    const paragraph = this.finished.get(utterance);
    if (paragraph) paragraph.lastChild.textContent = text;
    else this.finished.set(utterance, this.add(text, clock(start)));
  }

  add(text, time) {
    $("hint")?.remove();
    const paragraph = document.createElement("p");
    if (time) {
      const stamp = document.createElement("time");
      stamp.textContent = time;
      paragraph.append(stamp);
    } else {
      paragraph.className = "note";
    }
    paragraph.append(text);
    $("log").append(paragraph);
    this.follow();
    return paragraph;
  }

  interrupted() {
    for (const text of this.committed.values()) this.add(`${text} …`, null);
    this.reset();
  }

  reset() {
    this.committed.clear();
    this.finished.clear();
    $("committed").textContent = "";
    $("partial").textContent = "";
  }

  follow() {
    $("log").scrollTop = $("log").scrollHeight;
  }

  text() {
    return [...$("log").querySelectorAll("p:not(.hint):not(.note)")]
      .map((paragraph) => paragraph.lastChild.textContent)
      .join("\n");
  }
}

// --- sound

class Player {
  constructor(context) {
    this.context = context;
    this.sources = new Set();
    this.rate = 24000;
    this.end = 0;
    this.onchange = () => {};
  }

  play(data) {
    const pcm = new Int16Array(data);
    if (pcm.length === 0) return;
    const buffer = this.context.createBuffer(1, pcm.length, this.rate);
    const samples = buffer.getChannelData(0);
    for (let i = 0; i < pcm.length; i++) samples[i] = pcm[i] / 32768;
    const source = new AudioBufferSourceNode(this.context, { buffer });
    source.connect(this.context.destination);
    if (this.end < this.context.currentTime) this.end = this.context.currentTime + CUSHION_SECONDS;
    source.start(this.end);
    this.end += buffer.duration;
    this.sources.add(source);
    source.onended = () => {
      this.sources.delete(source);
      this.onchange();
    };
    this.onchange();
  }

  stop() {
    for (const source of this.sources) source.stop();
    this.end = 0;
  }

  get playing() {
    return this.sources.size > 0;
  }
}

class Microphone {
  async open(context, onchunk) {
    this.stream = await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
    this.source = context.createMediaStreamSource(this.stream);
    this.node = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
    this.node.port.onmessage = ({ data }) => onchunk(data.pcm, data.peak);
    this.source.connect(this.node);
  }

  close() {
    this.source?.disconnect();
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.node?.port.close();
  }
}

async function openContext() {
  let context = new AudioContext({ latencyHint: "interactive" });
  if (context.sampleRate > MAX_RATE) {
    await context.close();
    context = new AudioContext({ latencyHint: "interactive", sampleRate: MAX_RATE });
  }
  await context.audioWorklet.addModule("worklet.js");
  return context;
}

// --- the conversation

function subprotocols(token) {
  if (!token) return ["voxduct.v1"];
  const bytes = new TextEncoder().encode(token);
  const base64 = btoa(String.fromCharCode(...bytes));
  return ["voxduct.v1", `token.${base64.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")}`];
}

class Client {
  constructor() {
    this.captions = new Captions();
    this.microphone = null;
    this.waiting = []; // messages for a session that is not open yet
    this.retry = FIRST_RETRY_MS;
    this.speaking = new Set(); // speech requests that have not ended
    this.requests = 0;
    this.dropping = false; // audio was lost since the last that went out
  }

  async prepare() {
    if (!this.context) {
      this.context = await openContext();
      this.player = new Player(this.context);
      this.player.onchange = () => this.showButtons();
    }
    await this.context.resume();
  }

  connect() {
    if (this.socket && this.socket.readyState <= WebSocket.OPEN) return;
    clearTimeout(this.timer);
    this.open = false;
    showState("Connecting…", "busy");
    const url = new URL("v1/stream", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url, subprotocols($("token").value));
    socket.binaryType = "arraybuffer";
    socket.onopen = () =>
      this.send({ type: "start", sample_rate: this.context.sampleRate, encoding: "s16le", revisions: true });
    socket.onmessage = ({ data }) => (typeof data === "string" ? this.receive(JSON.parse(data)) : this.player.play(data));
    socket.onclose = (event) => this.closed(socket, event);
    this.socket = socket;
  }

  send(message) {
    this.socket.send(JSON.stringify(message));
  }

  receive(message) {
    switch (message.type) {
      case "ready":
        return this.opened(message);
      case "partial":
        return this.captions.revise(message);
      case "committed":
        return this.captions.commit(message);
      case "final":
        return this.captions.finish(message);
      case "revised":
        return this.captions.correct(message);
      case "speech_audio_start":
        this.player.rate = message.sample_rate;
        return;
      case "speech_audio_end":
        this.speaking.delete(message.id);
        return this.showButtons();
      case "error":
        if (message.id) this.speaking.delete(message.id);
        this.showButtons();
        return showError(message.message);
      case "draining":
        return showState("The server is restarting…", "busy");
      default: // others, and those of newer servers, need nothing done here
    }
  }

  opened({ voices }) {
    this.open = true;
    this.retry = FIRST_RETRY_MS;
    showError("");
    this.showConnected();
    const chosen = $("voice").value;
    $("voice").replaceChildren(new Option("Default voice", ""), ...voices.map((name) => new Option(name, name)));
    if (voices.includes(chosen)) $("voice").value = chosen;
    for (const message of this.waiting.splice(0)) this.send(message);
  }

  closed(socket, event) {
    if (socket !== this.socket) return;
    const wasOpen = this.open;
    this.open = false;
    this.captions.interrupted();
    this.speaking.clear();
    this.showButtons();
    if (!this.microphone && this.waiting.length === 0) {
      showState("Not connected", "");
      return;
    }
    if (wasOpen) this.captions.add(event.code === RESTART_CLOSE ? "— server restart —" : "— connection lost —", null);
    else this.explain();
    const wait = this.retry * (0.75 + Math.random() / 2);
    this.retry = Math.min(this.retry * 2, LAST_RETRY_MS);
    showState("Reconnecting…", "busy");
    this.timer = setTimeout(() => this.connect(), wait);
  }

  async explain() {
    // a browser is not told why a WebSocket was refused
    try {
      const answer = await fetch("readyz");
      const { status } = await answer.json();
      if (answer.ok) showError("The server refused the connection: is the token right?");
      else showError(status === "loading" ? "The server is loading its models." : "The server is going away.");
    } catch {
      showError("The server does not answer.");
    }
  }

  async listen() {
    await this.prepare();
    const microphone = new Microphone();
    await microphone.open(this.context, (pcm, peak) => this.hear(pcm, peak));
    this.microphone = microphone;
    this.connect();
    if (this.open) this.showConnected();
  }

  hear(pcm, peak) {
    $("level").value = Math.sqrt(peak);
    if (!this.open) return;
    const unsentSeconds = this.socket.bufferedAmount / 2 / this.context.sampleRate;
    if (unsentSeconds > MAX_UNSENT_SECONDS) {
      if (!this.dropping) showError("The network is too slow: some words are lost.");
      this.dropping = true;
      return;
    }
    this.dropping = false;
    this.socket.send(pcm);
  }

  stopListening() {
    this.microphone?.close();
    this.microphone = null;
    $("level").value = 0;
    if (this.open) {
      this.send({ type: "marker", id: "pause" }); // closes the open utterance
      this.showConnected();
    } else {
      clearTimeout(this.timer);
      showState("Not connected", "");
    }
  }

  async speak(text, voice) {
    await this.prepare();
    const message = { type: "say", id: `say-${++this.requests}`, text, voice: voice || null };
    this.speaking.add(message.id);
    this.showButtons();
    if (this.open) this.send(message);
    else {
      this.waiting.push(message);
      this.connect();
    }
  }

  cancel() {
    this.waiting.length = 0;
    this.speaking.clear();
    if (this.open) this.send({ type: "cancel" });
    this.player?.stop();
    this.showButtons();
  }

  showConnected() {
    showState(this.microphone ? "Listening" : "Connected", "on");
  }

  showButtons() {
    $("cancel").disabled = this.speaking.size === 0 && !this.player?.playing;
  }
}

const client = new Client();

function attempt(action) {
  showError("");
  action().catch((error) => {
    const denied = error.name === "NotAllowedError";
    showError(denied ? "The browser does not let this page use the microphone." : `${error.message || error}`);
    setListening(false);
  });
}

function setListening(on) {
  $("listen").textContent = on ? "Stop" : "Listen";
  $("listen").setAttribute("aria-pressed", String(on));
}

$("listen").onclick = () => {
  const on = client.microphone === null;
  setListening(on);
  if (on) attempt(() => client.listen());
  else client.stopListening();
};

$("speech").onsubmit = (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  if (text) attempt(() => client.speak(text, $("voice").value));
};

$("text").onkeydown = (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    $("speech").requestSubmit();
  }
};

$("cancel").onclick = () => client.cancel();
$("copy").onclick = () => attempt(() => navigator.clipboard.writeText(client.captions.text()));
$("clear").onclick = () => $("log").replaceChildren();
$("token").value = sessionStorage.getItem("token") ?? "";
$("token").onchange = () => sessionStorage.setItem("token", $("token").value);

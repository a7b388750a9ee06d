// The page: it shows what the server plays or records, or this browser's microphone, or a file. It uses the API only.
const $ = (id) => document.getElementById(id);
const SHOWN_S = () => (innerWidth < 640 ? 15 : 30); // seconds of the spectrogram
const HOUR_S = 3600, QUIETEST_DB = -60, RANGE = 140; // RANGE: steps of 0.4 dB from black to bright
const SILENT_MS = 12000; // without a word from the server the connection is lost
const WAITING = 1 << 20; // bytes that may wait to be sent
const MAX_BARS = 12, MAX_LOG = 60, MAX_ROWS = 200;
const WORDS = { nothing: "listening…", "no input": "no input", unsure: "unsure" };
const REASONS = {
  silence: "silence: too quiet to count",
  speech: "speech: not music, so it did not count",
  noise: "noise: not music, so it did not count",
};

let about = null; // what /api/now tells
let labels = new Map(), greys = new Map();
let view = "server"; // or "mic" or "file"
let chosen = null; // the server's input that is shown
let pasts = { server: [], mic: [], file: [] }; // stretches that ended
let opens = { server: [], mic: [], file: [] }; // stretches that are open
let lastSaid = "", saidAt = 0;

const lookOf = (name) => {
  const label = labels.get(name);
  if (label) return { colour: label.colour, ink: label.ink, idle: false };
  return { colour: greys.get(name) || "#8c8c8c", ink: "#000000", idle: true };
};
const percent = (value) => `${Math.round(100 * value)} %`;
const two = (value) => String(Math.floor(value)).padStart(2, "0");
const clock = (seconds) => {
  const s = Math.max(0, Math.floor(seconds)), h = Math.floor(s / 3600);
  return h ? `${h}:${two((s % 3600) / 60)}:${two(s % 60)}` : `${Math.floor(s / 60)}:${two(s % 60)}`;
};
const timeOf = (unix) => new Date(1000 * unix).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// What is on now -----------------------------------------------------------------------------------------------------

function showNow(now) {
  const isMusic = now.state === "music" && now.genres.length > 0;
  const name = isMusic ? now.genres.join(" + ") : WORDS[now.state] || now.state;
  const look = isMusic ? lookOf(now.genres[0]) : { colour: "", ink: "", idle: true };
  const panel = $("now");
  panel.classList.toggle("idle", !isMusic);
  panel.style.setProperty("--own", look.colour || "var(--card)");
  panel.style.setProperty("--own-ink", look.ink || "var(--ink)");
  const lines = name.length > 11 ? name.split(/\s/) : [name];
  panel.style.setProperty("--letters", Math.max(5, ...lines.map((line) => line.length)) + 0.5);
  $("genre").textContent = name;
  $("state").textContent = stateInWords(now);
  $("detail").textContent = detailInWords(now);
  $("title").textContent = now.title ? `♪ ${now.title}` : "";
  showProbs(now);
  if (now.state === "no input") showLevel({ level_db: -120, peak_db: -120, is_clipped: false });
  document.title = isMusic ? `${name} · genrestream` : "genrestream";
  say(isMusic ? `${name}, ${percent(now.probability)}` : name);
}

function stateInWords(now) {
  if (now.state === "nothing") return "the first answer comes after 3 seconds";
  if (now.state === "no input") return now.notice || "nothing comes from the input";
  if (now.state === "unsure") return "music, but no genre is probable enough";
  return now.state === "music" ? "music" : "no music now";
}

function detailInWords(now) {
  if (now.probability == null) return "";
  const leader = Object.keys(now.probs).reduce((best, one) => (now.probs[one] > now.probs[best] ? one : best));
  const first = now.state === "unsure" ? `${leader} leads with ${percent(now.probability)}` : percent(now.probability);
  return now.votes ? `${first} · votes ${now.votes}` : first;
}

function showProbs(now) {
  const names = [...labels.keys()], probs = now.probs || {};
  const top = [...names].sort((a, b) => (probs[b] || 0) - (probs[a] || 0)).slice(0, MAX_BARS);
  const shown = names.filter((name) => top.includes(name));
  const list = $("probs");
  if (list.dataset.shown !== shown.join("\n")) {
    list.dataset.shown = shown.join("\n");
    list.replaceChildren(...shown.map(bar));
  }
  const isLive = now.state === "music" || now.state === "unsure";
  list.classList.toggle("past", !isLive);
  shown.forEach((name, at) => {
    const row = list.children[at], prob = probs[name] || 0;
    row.classList.toggle("leads", isLive && name === (now.genres[0] || top[0]));
    row.children[1].firstChild.style.width = `${100 * prob}%`;
    row.children[2].textContent = percent(prob);
  });
  const isPast = !isLive && Object.values(probs).some((prob) => prob > 0.005);
  $("probs-note").textContent = isPast ? "of the music before" : names.length > shown.length ? `the first ${shown.length} of ${names.length}` : "";
}

function bar(name) {
  const row = document.createElement("div"), word = document.createElement("b"), track = document.createElement("div");
  const fill = document.createElement("i"), figure = document.createElement("span");
  row.className = "prob";
  row.role = "listitem";
  word.textContent = word.title = name;
  track.className = "track";
  fill.style.background = lookOf(name).colour;
  track.append(fill);
  row.append(word, track, figure);
  return row;
}

function say(text) {
  if (text === lastSaid || performance.now() - saidAt < 3000) return;
  lastSaid = text;
  saidAt = performance.now();
  $("said").textContent = text;
}

function showLevel(tick) {
  const wide = (db) => `${Math.max(0, Math.min(100, 100 * (1 - db / QUIETEST_DB)))}%`;
  $("rms").style.width = wide(tick.level_db);
  $("peak").style.width = wide(tick.peak_db);
  $("meter").classList.toggle("clipped", tick.is_clipped);
  $("meter").setAttribute("aria-valuenow", Math.round(Math.max(QUIETEST_DB, Math.min(0, tick.level_db))));
  $("level-db").textContent = tick.level_db <= -119 ? "no sound" : `${Math.round(tick.level_db)} dB${tick.is_clipped ? ", clipped" : `, peak ${Math.round(tick.peak_db)}`}`;
}

// The spectrogram ----------------------------------------------------------------------------------------------------

const mel = { store: document.createElement("canvas"), columns: [], time: 0, loud: 120, map: [], is_stale: false };

function colourMap() {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const stops = dark
    ? [[13, 14, 18], [42, 20, 84], [120, 28, 109], [203, 71, 75], [251, 155, 30], [252, 255, 190]]
    : [[255, 255, 255], [214, 226, 239], [147, 180, 212], [74, 121, 170], [30, 66, 116], [8, 20, 48]];
  mel.map = Array.from({ length: 256 }, (_, value) => {
    const place = (value / 255) * (stops.length - 1), low = Math.min(stops.length - 2, Math.floor(place)), share = place - low;
    return stops[low].map((one, at) => Math.round(one + share * (stops[low + 1][at] - one)));
  });
  mel.is_stale = true;
}

function addColumns(tick) {
  const bands = about.columns.bands, keep = Math.ceil(30 / about.columns.column_s);
  if (tick.time_s < mel.time - 1) mel.columns = [];
  mel.time = tick.time_s;
  const bytes = Uint8Array.from(atob(tick.columns), (char) => char.charCodeAt(0));
  const fresh = [];
  for (let at = 0; at < bytes.length; at += bands) fresh.push(bytes.subarray(at, at + bands));
  for (const column of fresh) mel.loud = Math.max(60, mel.loud - 0.1, ...column);
  mel.columns.push(...fresh);
  mel.columns.splice(0, Math.max(0, mel.columns.length - keep));
  const store = mel.store;
  if (store.width !== keep || store.height !== bands || mel.is_stale) {
    store.width = keep;
    store.height = bands;
    mel.is_stale = false;
    paint(mel.columns);
  } else if (fresh.length) {
    const context = store.getContext("2d");
    context.globalCompositeOperation = "copy";
    context.drawImage(store, -fresh.length, 0);
    context.globalCompositeOperation = "source-over";
    paint(fresh);
  }
}

function paint(columns) {
  if (!columns.length) return;
  const bands = mel.store.height, context = mel.store.getContext("2d"), image = context.createImageData(columns.length, bands);
  columns.forEach((column, x) => {
    for (let band = 0; band < bands; band++) {
      const level = Math.max(0, Math.min(255, Math.round((255 * (column[band] - mel.loud + RANGE)) / RANGE)));
      const place = 4 * ((bands - 1 - band) * columns.length + x), [red, green, blue] = mel.map[level];
      image.data[place] = red;
      image.data[place + 1] = green;
      image.data[place + 2] = blue;
      image.data[place + 3] = 255;
    }
  });
  context.putImageData(image, mel.store.width - columns.length, 0);
}

function fitted(canvas) {
  const ratio = devicePixelRatio || 1, wide = canvas.clientWidth, high = canvas.clientHeight;
  if (canvas.width !== Math.round(wide * ratio) || canvas.height !== Math.round(high * ratio)) {
    canvas.width = Math.round(wide * ratio);
    canvas.height = Math.round(high * ratio);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return [context, wide, high, parseFloat(getComputedStyle(document.documentElement).fontSize) / 16];
}

function drawMel() {
  const canvas = $("mel");
  if (!about || !canvas.clientWidth) return;
  const [context, wide, high, unit] = fitted(canvas), lane = Math.round(26 * unit), foot = Math.round(18 * unit);
  const top = lane + 3, tall = high - top - foot, shown = SHOWN_S(), end = mel.time;
  context.clearRect(0, 0, wide, high);
  context.fillStyle = `rgb(${mel.map[0]})`;
  context.fillRect(0, top, wide, tall);
  const across = shown / about.columns.column_s, store = mel.store;
  if (store.width > 1) context.drawImage(store, store.width - across, 0, across, store.height, 0, top, wide, tall);
  const x = (time) => wide * (1 - (end - time) / shown);
  for (const one of [...pasts[view].filter((past) => past.run === run), ...opens[view]]) {
    const from = Math.max(0, x(one.start_s)), to = Math.min(wide, x(Math.max(one.end_s, one.is_last ? end : 0)));
    if (to > from) block(context, one.genre, from, 0, to - from, lane, unit);
    if (from > 0 && to > from) {
      context.fillStyle = css("--ink");
      context.fillRect(from - 0.5, top, 1, tall);
    }
  }
  context.fillStyle = css("--faint");
  context.font = `${11 * unit}px ${css("--font")}`;
  context.textBaseline = "bottom";
  const step = shown > 15 ? 5 : 3;
  for (let ago = 0; ago < shown; ago += step) {
    context.textAlign = ago ? "center" : "right";
    context.fillText(ago ? `−${ago} s` : "now", wide - (wide * ago) / shown, high);
  }
  context.textAlign = "left";
  context.textBaseline = "middle";
  for (const hz of [250, 1000, 4000]) {
    const y = top + tall * (1 - melOf(hz) / melOf(8000)), text = hz < 1000 ? `${hz} Hz` : `${hz / 1000} kHz`;
    context.fillStyle = css("--card");
    context.globalAlpha = 0.75;
    context.fillRect(3, y - 8 * unit, context.measureText(text).width + 8, 16 * unit);
    context.globalAlpha = 1;
    context.fillStyle = css("--ink");
    context.fillText(text, 7, y);
  }
}

const melOf = (hz) => (hz < 1000 ? (3 * hz) / 200 : 15 + Math.log(hz / 1000) / (Math.log(6.4) / 27)); // Slaney's scale

function block(context, name, x, y, wide, high, unit) {
  const look = lookOf(name);
  context.save();
  context.beginPath();
  context.rect(x, y, wide, high);
  context.clip();
  context.fillStyle = look.idle ? css("--track") : look.colour;
  context.fillRect(x, y, wide, high);
  if (look.idle) {
    context.strokeStyle = look.colour;
    context.lineWidth = 1.5;
    const slant = name === "speech" ? 1 : name === "noise" ? -1 : 0, gap = name === "no input" ? 4 : 7;
    for (let at = -high; at < wide + high; at += gap) {
      context.beginPath();
      context.moveTo(x + at, y + high);
      context.lineTo(x + at + slant * high, y);
      context.stroke();
      if (name === "noise") {
        context.beginPath();
        context.moveTo(x + at - high, y + high);
        context.lineTo(x + at, y);
        context.stroke();
      }
    }
  }
  context.font = `600 ${12 * unit}px ${css("--font")}`;
  context.textBaseline = "middle";
  context.textAlign = "left";
  const needs = context.measureText(name).width + 12;
  if (needs <= wide) {
    if (look.idle) {
      context.fillStyle = css("--card");
      context.fillRect(x + 3, y + high / 2 - 9 * unit, needs - 6, 18 * unit);
    }
    context.fillStyle = look.idle ? css("--ink") : look.ink;
    context.fillText(name, x + 6, y + high / 2 + 0.5);
  }
  context.restore();
  context.fillStyle = css("--card");
  context.fillRect(x + wide - 1, y, 1, high);
}

// The last hour ------------------------------------------------------------------------------------------------------

let run = 0; // grows when the stream begins anew, whose seconds then mean other moments

function addStretches(which, message) {
  if (message.ended.length) pasts[which].push(...message.ended.map((one) => ({ ...one, run })));
  const since = Date.now() / 1000 - HOUR_S;
  pasts[which] = pasts[which].filter((one) => one.end > since);
  opens[which] = message.open.map((one, at) => ({ ...one, is_last: at === message.open.length - 1 }));
}

function showHour() {
  const all = [...pasts[view], ...opens[view]];
  drawHour(all);
  const rows = all.slice(-MAX_ROWS).reverse().map((one) => {
    const row = document.createElement("tr"), chip = document.createElement("span"), look = lookOf(one.genre);
    const cells = view === "file" ? [clock(one.start), clock(one.end)] : [timeOf(one.start), timeOf(one.end)];
    for (const text of [...cells, one.genre, clock(one.end - one.start)]) row.insertCell().textContent = text;
    chip.className = look.idle ? "chip idle" : "chip";
    chip.style.backgroundColor = look.colour;
    row.cells[2].prepend(chip);
    return row;
  });
  if (!rows.length) {
    const row = document.createElement("tr"), cell = row.insertCell();
    cell.colSpan = 4;
    cell.className = "empty";
    cell.textContent = "nothing yet";
    rows.push(row);
  }
  $("stretches").replaceChildren(...rows);
}

function drawHour(all) {
  const canvas = $("hour");
  if (!canvas.clientWidth) return;
  const [context, wide, high, unit] = fitted(canvas), tall = high - 20 * unit;
  const isFile = view === "file", until = isFile ? Math.max(1, ...all.map((one) => one.end)) : Date.now() / 1000;
  const oldest = all.length ? until - all[0].start : 0; // a server that began lately fills its strip all the same
  const long = isFile ? until : Math.min(HOUR_S, Math.max(300, 1.02 * oldest)), since = until - long;
  context.clearRect(0, 0, wide, high);
  context.fillStyle = css("--track");
  context.fillRect(0, 0, wide, tall);
  for (const one of all) {
    const from = Math.max(0, (wide * (one.start - since)) / long), to = (wide * (one.end - since)) / long;
    if (to > from) block(context, one.genre, from, 0, Math.max(1, to - from), tall, unit);
  }
  context.fillStyle = css("--faint");
  context.font = `${11 * unit}px ${css("--font")}`;
  context.textBaseline = "bottom";
  context.textAlign = "center";
  const room = 64 * unit, step = [5, 10, 30, 60, 300, 600, 900, 1800].filter((one) => isFile || one >= 60).find((one) => (wide * one) / long >= room) || 3600;
  for (let at = Math.ceil(since / step) * step; at <= until; at += step) {
    const x = (wide * (at - since)) / long;
    if (x > 20 * unit && x < wide - 20 * unit) context.fillText(isFile ? clock(at) : timeOf(at).slice(0, 5), x, high);
  }
}

// What did not count, and what happened ------------------------------------------------------------------------------

function note(text, isBad = false, key = "") {
  const list = $("log"), first = list.firstElementChild, now = Date.now() / 1000;
  if (key && first?.dataset.key === key) {
    first.dataset.count = Number(first.dataset.count) + 1;
    first.lastElementChild.textContent = `${text} (${first.dataset.count} chunks)`;
    return;
  }
  list.querySelector(".empty")?.remove();
  const item = document.createElement("li"), time = document.createElement("time"), words = document.createElement("span");
  time.textContent = timeOf(now);
  words.textContent = text;
  item.classList.toggle("bad", isBad);
  item.dataset.key = key;
  item.dataset.count = 1;
  item.append(time, words);
  list.prepend(item);
  while (list.children.length > MAX_LOG) list.lastElementChild.remove();
}

function noteChunk(chunk) {
  if (REASONS[chunk.kind]) note(REASONS[chunk.kind], false, chunk.kind);
  else if (chunk.padded_s >= 0.1) note(`the last piece was repeated to fill a chunk (${chunk.padded_s.toFixed(1)} s)`);
}

function emptyLog() {
  const item = document.createElement("li");
  item.className = "empty";
  item.textContent = "all chunks counted so far";
  $("log").replaceChildren(item);
}

// Messages, the same from the server's inputs and from this browser's microphone ---------------------------------------

function take(which, message) {
  if (message.type === "segments") addStretches(which, message);
  if (which !== view) return;
  if (message.type === "now") showNow(message);
  else if (message.type === "tick") {
    showLevel(message);
    if (message.time_s < mel.time - 1) run++;
    addColumns(message);
    requestAnimationFrame(drawMel);
  } else if (message.type === "chunk") noteChunk(message);
  else if (message.type === "event") {
    if (message.message !== message.state) note(message.message, message.state === "no input");
  }
  else if (message.type === "segments") showHour();
}

// The connection: lost and mended ------------------------------------------------------------------------------------

const link = { source: null, retry: 1, heardAt: 0, timer: 0 };

async function begin() {
  clearTimeout(link.timer);
  try {
    const answer = await fetch("api/now");
    if (!answer.ok) throw new Error((await answer.text()).slice(0, 200));
    learn(await answer.json());
    await loadHistory();
    watch();
  } catch (error) {
    lose(error.name === "TypeError" ? "" : error.message);
  }
}

function learn(facts) {
  about = facts;
  labels = new Map(facts.model.labels.map((one) => [one.label, one]));
  greys = new Map(facts.states.map((one) => [one.state, one.colour]));
  const names = facts.inputs.map((one) => one.input);
  if (!names.includes(chosen)) chosen = names[0] ?? null;
  $("inputs").hidden = names.length < 2;
  $("input").replaceChildren(...names.map((name) => new Option(name, name, false, name === chosen)));
  $("to-server").hidden = !names.length;
  $("sound").hidden = view === "file" || (view === "server" && !names.length);
  const own = facts.inputs.find((one) => one.input === chosen);
  $("foot").textContent = [own && `listens to ${own.source}`, `model ${facts.model.name}`, `genrestream ${facts.version}`].filter(Boolean).join(" · ");
  if (own && view === "server") showNow(own);
  if (!own && view === "server") {
    showNow({ state: "nothing", genres: [], probs: {}, probability: null, title: "" });
    $("genre").textContent = "ready";
    $("state").textContent = "use your microphone, or drop a file on the page";
  }
}

async function loadHistory() {
  const answer = await fetch(`api/history?hours=1${chosen ? `&input=${encodeURIComponent(chosen)}` : ""}`);
  if (!answer.ok) return;
  pasts.server = (await answer.json()).segments.filter((one) => one.input === chosen);
  const last = pasts.server.at(-1);
  opens.server = [];
  if (last && last.end > Date.now() / 1000 - 12) pasts.server.pop(); // still open: it comes again with the next answer
  if (view === "server") showHour();
}

function watch() {
  link.source?.close();
  link.source = new EventSource("events");
  link.heardAt = performance.now();
  link.source.onmessage = (event) => {
    link.heardAt = performance.now();
    link.retry = 1;
    $("link").textContent = "live";
    $("link").classList.remove("lost");
    document.body.classList.remove("lost-link");
    const message = JSON.parse(event.data);
    if (message.input === chosen) take("server", message);
  };
  link.source.onerror = () => lose();
}

function lose(why = "") {
  link.source?.close();
  link.source = null;
  clearTimeout(link.timer);
  $("link").classList.add("lost");
  $("link").textContent = why || `connection lost, next try in ${Math.round(link.retry)} s`;
  document.body.classList.toggle("lost-link", view === "server");
  link.timer = setTimeout(begin, 1000 * link.retry);
  link.retry = Math.min(10, 2 * link.retry);
}

setInterval(() => {
  if (link.source && performance.now() - link.heardAt > SILENT_MS) lose();
}, 1000);

// This browser's microphone ------------------------------------------------------------------------------------------

let ending = null; // ends the microphone or the file

function whyNoMicrophone() {
  if (!window.isSecureContext) {
    return "The browser gives a page its microphone only over https, or from the same machine (http://localhost). Open the page there, or put https before the server; the documentation has an nginx example.";
  }
  return navigator.mediaDevices?.getUserMedia && window.AudioWorkletNode ? "" : "This browser has no microphone for pages.";
}

function hint(text) {
  $("hint").textContent = text;
  $("hint").hidden = !text;
}

async function listenToMicrophone() {
  const why = whyNoMicrophone();
  if (why) return hint(why);
  await stop();
  let stream;
  try {
    const audio = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };
    stream = await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    return hint(error.name === "NotAllowedError" ? "The browser did not allow the microphone; allow it in its address bar." : `No microphone: ${error.message}`);
  }
  hint("");
  const context = new AudioContext();
  await context.audioWorklet.addModule("worklet.js");
  const node = new AudioWorkletNode(context, "collector", { numberOfInputs: 1, numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
  const track = stream.getAudioTracks()[0], name = track.label || "microphone";
  const socket = opened({ format: "f32le", rate: Math.round(context.sampleRate), channels: 1, live: 1, name });
  let lost = 0;
  node.port.onmessage = ({ data }) => {
    if (socket.readyState !== WebSocket.OPEN) return;
    if (socket.bufferedAmount > WAITING) {
      lost += data.byteLength / 4 / context.sampleRate;
      return;
    }
    if (lost) socket.send(JSON.stringify({ type: "lost", seconds: lost }));
    lost = 0;
    socket.send(data);
  };
  context.createMediaStreamSource(stream).connect(node);
  show("mic", name);
  ending = () => {
    track.stop();
    node.port.onmessage = null;
    context.close();
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: "end" }));
    setTimeout(() => socket.close(), 3000);
  };
  track.onended = () => note("the microphone is gone", true);
  socket.onmessage = (event) => {
    const message = JSON.parse(event.data);
    if (message.type === "error") hint(message.error);
    else if (view === "mic") take("mic", message);
  };
  socket.onclose = (event) => over("mic", event);
}

const opened = (query) => {
  const at = new URL("listen", location.href);
  at.protocol = at.protocol.replace("http", "ws");
  at.search = new URLSearchParams(query);
  const socket = new WebSocket(at);
  socket.binaryType = "arraybuffer";
  return socket;
};

function over(which, event) {
  if (view !== which || !ending) return;
  const end = ending;
  ending = null;
  end();
  if (event.code !== 1000) {
    if ($("hint").hidden) hint(event.reason ? `The server ended this: ${event.reason}.` : "The connection broke off.");
    if (which === "mic") show("server");
    else noAnswer();
  }
}

// A file: sent up, never stored --------------------------------------------------------------------------------------

async function listenToFile(file) {
  if (!about) return hint("The server does not answer.");
  await stop();
  hint("");
  if (file.size > about.limits.max_upload_mb * 2 ** 20) return hint(`${file.name} is larger than ${about.limits.max_upload_mb} MB, the most that this server takes.`);
  show("file", file.name);
  const socket = opened({ format: "file", name: file.name.slice(0, 200) });
  let isStopped = false, failed = "";
  ending = () => {
    isStopped = true;
    socket.close();
  };
  socket.onmessage = (event) => {
    const message = JSON.parse(event.data);
    if (message.type === "chunk") {
      noteChunk(message);
      showNow(nowOf(message.running, file.name));
    } else if (message.type === "verdict") showVerdict(message);
    else if (message.type === "error") failed = message.error;
  };
  socket.onclose = (event) => {
    $("progress").hidden = true;
    if (failed) {
      hint(failed);
      note(failed, true);
      noAnswer();
    }
    over("file", failed ? { code: 1000 } : event);
  };
  await new Promise((resolve) => { socket.onopen = resolve; socket.onerror = resolve; });
  for (let at = 0; at < file.size && !isStopped && socket.readyState === WebSocket.OPEN; at += 65536) {
    while (socket.bufferedAmount > WAITING && socket.readyState === WebSocket.OPEN) await new Promise((done) => setTimeout(done, 30));
    socket.send(await file.slice(at, at + 65536).arrayBuffer());
    $("sent").value = (at + 65536) / file.size;
  }
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: "end" }));
}

function nowOf(running, title) {
  const { probs, n_votes, state } = running, names = Object.keys(probs);
  const leader = running.genres[0] ?? names.reduce((best, one) => (probs[one] > probs[best] ? one : best));
  const isMusic = ["music", "mix", "unsure"].includes(state) && n_votes > 0;
  const votes = isMusic ? `${leader} ${running.votes[leader] || 0}/${n_votes}` : "";
  return { ...running, state: state === "mix" ? "music" : state, title, votes, probability: isMusic ? probs[leader] : null };
}

function noAnswer() {
  $("genre").textContent = "no answer";
  $("state").textContent = $("detail").textContent = "";
}

function showVerdict(verdict) {
  const parts = verdict.segments.map((one) => ({ ...one, start_s: one.start, end_s: one.end }));
  pasts.file = parts;
  showNow(nowOf(verdict, verdict.source));
  $("state").textContent = `${verdict.state === "mix" ? "a mix" : "the whole file"}, ${clock(Math.round(verdict.duration_s))}`;
  for (const line of [...verdict.problems, ...verdict.notes]) note(line, verdict.problems.includes(line));
  showHour();
}

// Which of them is shown ---------------------------------------------------------------------------------------------

async function stop() {
  const end = ending;
  ending = null;
  end?.();
}

function show(which, name = "") {
  view = which;
  for (const one of ["server", "mic", "file"]) $(`to-${one}`).setAttribute("aria-pressed", String(one === which));
  $("to-mic").textContent = which === "mic" ? "Stop microphone" : "My microphone";
  $("sound").hidden = which === "file";
  $("progress").hidden = which !== "file";
  $("sent").value = 0;
  $("hour-title").textContent = which === "file" ? "The file" : "Last hour";
  document.body.classList.toggle("lost-link", which === "server" && !link.source);
  mel.columns = [];
  mel.time = 0;
  mel.is_stale = true;
  run++;
  if (which !== "server") {
    pasts[which] = [];
    opens[which] = [];
    showNow({ state: "nothing", genres: [], probs: {}, probability: null, title: name });
  }
  emptyLog();
  showHour();
  if (which === "server" && about) begin();
}

$("to-server").onclick = async () => {
  await stop();
  hint("");
  show("server");
};
$("to-mic").onclick = () => (view === "mic" ? $("to-server").onclick() : listenToMicrophone());
$("to-file").onclick = () => $("file").click();
$("file").onchange = () => {
  if ($("file").files[0]) listenToFile($("file").files[0]);
  $("file").value = "";
};
$("stop").onclick = () => $("to-server").onclick();
$("input").onchange = () => {
  chosen = $("input").value;
  $("to-server").onclick();
};

let dragged = 0;
addEventListener("dragenter", (event) => {
  event.preventDefault();
  dragged++;
  $("drop").hidden = false;
});
addEventListener("dragleave", () => {
  dragged = Math.max(0, dragged - 1);
  $("drop").hidden = dragged > 0 ? $("drop").hidden : true;
});
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  dragged = 0;
  $("drop").hidden = true;
  if (event.dataTransfer.files[0]) listenToFile(event.dataTransfer.files[0]);
});

function wall(isOn) {
  document.body.classList.toggle("wall", isOn);
  $("wall").setAttribute("aria-pressed", String(isOn));
  redraw();
}
$("wall").onclick = () => wall(true);
addEventListener("keydown", (event) => {
  if (event.target.matches?.("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "w" || event.key === "W") wall(!document.body.classList.contains("wall"));
  if (event.key === "Escape") wall(false);
});

function redraw() {
  drawMel();
  showHour();
}
addEventListener("resize", redraw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  colourMap();
  redraw();
});
setInterval(() => view !== "file" && showHour(), 10000);

if (whyNoMicrophone()) {
  $("to-mic").setAttribute("aria-disabled", "true");
  $("to-mic").title = whyNoMicrophone();
}
if (new URLSearchParams(location.search).get("view") === "now") {
  document.documentElement.classList.add("obs");
  document.body.classList.add("wall");
}
colourMap();
emptyLog();
begin();

/** The transport lab: the same events over four ways at once, and what each costs. */

import { Chart } from "./lab/chart.js";
import { Lane, quantiles } from "./lab/lane.js";
import { Publisher } from "./lab/publisher.js";
import { headBytes } from "./lab/wire.js";
import { NAMES, bytes, each, say, sum, time, why } from "./lab/words.js";
import { $, h } from "./page.js";

const FRAME = 1000 / 30; // ms between drawings
const COUNT = 500; // ms between countings
const CUT = 3000; // ms
const WAITING = 4000; // ms after which a lane that is not open has a reason worth saying
const RATES = [0.5, 1, 2, 5, 10, 20, 50, 100];
const ORDER = /** @type {const} */ (["sse", "ws", "long-poll", "short-poll"]);

const user = `lab-${crypto.randomUUID().slice(0, 8)}`;
const publisher = new Publisher(user);
const head = await headBytes();
const lanes = ORDER.map((transport) => new Lane(transport, user, head));

const views = lanes.map((lane) => {
  const canvas = h("canvas", { role: "img" });
  const state = h("span", { class: "state" });
  const [p50, p99] = [h("b", {}), h("b", {})];
  const note = h("p", { class: "note", hidden: true });
  $(".lanes").append(
    h("section", { class: `lane card ${lane.transport}`, "data-transport": lane.transport },
      h("header", {}, h("h2", {}, NAMES[lane.transport]), state,
        h("dl", {}, h("div", {}, h("dt", {}, "median"), h("dd", {}, p50)), h("div", {}, h("dt", {}, "p99"), h("dd", {}, p99)))),
      canvas, note));
  const cells = Object.fromEntries(
    ["received", "missed", "p50", "p99", "requests", "up", "down", "each", "words"].map((name) => [name, h("td", { "data-fact": name })]));
  const labels = ["Received", "Missed", "Median", "p99", "Requests", "Bytes up", "Bytes down", "Bytes each", "In words"];
  Object.values(cells).forEach((cell, n) => (cell.dataset.label = labels[n]));
  $("tbody").append(h("tr", { class: lane.transport, "data-transport": lane.transport },
    h("th", { scope: "row" }, NAMES[lane.transport]), ...Object.values(cells)));
  return { lane, canvas, chart: new Chart(canvas), state, p50, p99, note, cells, quantiles: { p50: NaN, p99: NaN } };
});

function count() {
  /** @type {import("./lab/words.js").Facts[]} */
  const facts = views.map(({ lane }) => {
    const [p50, p99] = quantiles(lane.latencies, [0.5, 0.99]);
    const { requests, handshakes, unchanged, up, down } = lane.meter;
    return { transport: lane.transport, received: lane.received, missed: lane.missed(publisher.taken), p50, p99, requests, handshakes, unchanged, up, down };
  });
  const cheapest = facts.reduce((best, one) => (each(one) < each(best) || Number.isNaN(each(best)) ? one : best));
  views.forEach((view, n) => {
    const { lane, cells } = view;
    const fact = facts[n];
    view.quantiles = fact;
    view.p50.textContent = time(fact.p50);
    view.p99.textContent = time(fact.p99);
    view.state.dataset.status = lane.status;
    view.state.textContent = lane.status === "open" ? "open" : lane.status;
    const late = running && lane.status !== "open" && performance.now() - lane.since > WAITING;
    view.note.hidden = !late || document.hidden;
    view.note.textContent = lane.error || why(lane.meter.trouble);
    view.canvas.setAttribute("aria-label", `${NAMES[lane.transport]}: median ${time(fact.p50)}, 99th percentile ${time(fact.p99)}`);
    const words = { ...fact, p50: time(fact.p50), p99: time(fact.p99), up: bytes(fact.up), down: bytes(fact.down), each: bytes(each(fact)), words: say(fact, cheapest) };
    for (const [name, cell] of Object.entries(cells)) {
      const text = String(words[/** @type {keyof typeof words} */ (name)]);
      if (cell.textContent !== text) cell.textContent = text;
    }
    cells.missed.classList.toggle("bad", fact.missed > 0);
  });
  $("#sum").textContent = sum(facts, publisher.taken.size);
  $("#sent").textContent = publisher.error ? `Publishing fails: ${publisher.error}` : `${publisher.taken.size} published`;
}

let drawn = 0;
function draw(/** @type {number} */ now) {
  requestAnimationFrame(draw);
  if (now - drawn < FRAME) return;
  drawn = now;
  for (const { chart, lane, quantiles } of views) chart.draw(lane, quantiles, performance.now());
}

let running = false;
const start = $("#start");
const cut = $("#cut");

async function toggle() {
  running = !running;
  start.textContent = running ? "Stop" : "Start";
  start.classList.toggle("main", !running);
  cut.disabled = !running;
  if (running) await go();
  else publisher.stop();
}

async function go() {
  for (const lane of lanes) lane.open();
  await opened();
  if (running && !document.hidden) void publisher.run();
}

/** A hidden page has slow timers, and would hold connections that other tabs may need. */
function see() {
  if (!running) return;
  if (!document.hidden) return void go();
  publisher.stop();
  for (const lane of lanes) lane.close();
}

/** All lanes are open, or have had their time: what comes before a lane is open is not for it. */
async function opened() {
  const until = performance.now() + WAITING;
  while (performance.now() < until && lanes.some(({ status }) => status !== "open")) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

cut.addEventListener("click", () => {
  cut.disabled = true;
  for (const lane of lanes) lane.close();
  setTimeout(() => {
    if (!document.hidden) for (const lane of lanes) lane.open();
    cut.disabled = !running;
  }, CUT);
});
start.addEventListener("click", toggle);
document.addEventListener("visibilitychange", see);
$("#rate").addEventListener("input", (/** @type {any} */ { target }) => {
  publisher.rate = RATES[target.value];
  $("#rate-shown").textContent = `${publisher.rate} a second`;
});
$("#size").addEventListener("change", (/** @type {any} */ { target }) => (publisher.size = Number(target.value)));

setInterval(count, COUNT);
count();
requestAnimationFrame(draw);
void toggle();

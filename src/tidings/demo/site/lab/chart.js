/**
 * A lane drawn: every event a dot at the moment it came and the height of its latency, every request a tick below;
 * at the right, on the same height, how often each latency was. The scale is logarithmic, and the same in all lanes.
 */

import { WINDOW } from "./sight.js";

const LEAST = 0.5; // ms
const MOST = 20_000; // ms
const LINES = /** @type {[number, string][]} */ ([[1, "1 ms"], [10, "10 ms"], [100, "100 ms"], [1000, "1 s"], [10_000, "10 s"]]);
const BINS_PER_DECADE = 5;
const LEFT = 46; // px for the labels of the scale
const BELOW = 18; // px for the ticks of requests
const LABEL = 30; // px for "p50", "p99"

const decades = Math.log10(MOST / LEAST);
/** From 0 (fast) to 1 (slow). @param {number} latency */
const share = (latency) => Math.log10(Math.min(MOST, Math.max(LEAST, latency)) / LEAST) / decades;

export class Chart {
  #canvas;
  #pen;
  /** @type {Record<string, string>} */
  #colour = {};
  #width = 0;
  #height = 0;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
    this.#pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    addEventListener("theme", () => this.#restyle());
    new ResizeObserver(() => this.#resize()).observe(canvas);
    this.#restyle();
    this.#resize();
  }

  /** A canvas does not follow style sheets: ask the page for its colours. */
  #restyle() {
    const style = getComputedStyle(this.#canvas);
    // A colour made by light-dark() is resolved where it is a colour, not where it is a property's text.
    this.#colour = { lane: style.color, text: style.outlineColor, line: style.borderTopColor };
  }

  #resize() {
    const scale = devicePixelRatio || 1;
    const { clientWidth, clientHeight } = this.#canvas;
    this.#width = clientWidth;
    this.#height = clientHeight;
    this.#canvas.width = Math.round(clientWidth * scale);
    this.#canvas.height = Math.round(clientHeight * scale);
    this.#pen.setTransform(scale, 0, 0, scale, 0, 0);
  }

  /**
   * @param {import("./lane.js").Lane} lane
   * @param {{p50: number, p99: number}} quantiles
   * @param {number} now
   */
  draw(lane, { p50, p99 }, now) {
    const pen = this.#pen;
    const side = this.#width < 480 ? 56 : 120;
    const right = this.#width - side - LABEL;
    const bottom = this.#height - BELOW;
    const x = (/** @type {number} */ time) => right - ((now - time) / WINDOW) * (right - LEFT);
    const y = (/** @type {number} */ latency) => bottom - 4 - share(latency) * (bottom - 10);
    pen.clearRect(0, 0, this.#width, this.#height);
    this.#scale(y, right, bottom);

    pen.fillStyle = this.#colour.lane;
    for (const [time, latency] of lane.dots) {
      const left = x(time);
      if (left < LEFT) continue;
      pen.globalAlpha = 0.25 + (0.6 * (left - LEFT)) / (right - LEFT);
      pen.beginPath();
      pen.arc(left, y(latency), 2.4, 0, 2 * Math.PI);
      pen.fill();
    }
    pen.globalAlpha = 0.9;
    for (const time of lane.meter.times) if (x(time) >= LEFT) pen.fillRect(x(time) - 0.75, bottom + 5, 1.5, 9);
    this.#histogram(lane.latencies, { left: right + 10, side: side - 14, y });
    pen.globalAlpha = 1;
    if (lane.latencies.length) this.#marks(right, side, y(p50), y(p99));
  }

  /**
   * @param {(latency: number) => number} y
   * @param {number} right
   * @param {number} bottom
   */
  #scale(y, right, bottom) {
    const pen = this.#pen;
    pen.font = "10.5px system-ui, sans-serif";
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    pen.strokeStyle = this.#colour.line;
    pen.lineWidth = 1;
    pen.fillStyle = this.#colour.text;
    pen.beginPath();
    for (const [latency, label] of LINES) {
      const top = Math.round(y(latency)) + 0.5;
      pen.moveTo(LEFT, top);
      pen.lineTo(right, top);
      pen.fillText(label, LEFT - 8, top);
    }
    pen.stroke();
    pen.fillText("asked", LEFT - 8, bottom + 10);
  }

  /**
   * @param {number[]} latencies
   * @param {{left: number, side: number, y: (latency: number) => number}} where
   */
  #histogram(latencies, { left, side, y }) {
    const pen = this.#pen;
    const bins = new Array(Math.ceil(decades * BINS_PER_DECADE) + 1).fill(0);
    for (const latency of latencies) bins[Math.floor(share(latency) * decades * BINS_PER_DECADE)]++;
    const most = Math.max(...bins, 1);
    const low = (/** @type {number} */ bin) => y(LEAST * 10 ** (bin / BINS_PER_DECADE));
    pen.globalAlpha = 0.75;
    bins.forEach((count, bin) => {
      if (!count) return;
      const top = low(bin + 1);
      pen.beginPath();
      pen.roundRect(left, top + 0.5, Math.max(2, (count / most) * side), Math.max(1, low(bin) - top - 1), [0, 2, 2, 0]);
      pen.fill();
    });
  }

  /**
   * @param {number} right
   * @param {number} side
   * @param {number} middle y of the median
   * @param {number} tail y of the 99th percentile
   */
  #marks(right, side, middle, tail) {
    const pen = this.#pen;
    const apart = middle - tail >= 11 ? 0 : (11 - (middle - tail)) / 2; // labels that would overlap make room
    pen.textAlign = "left";
    pen.fillStyle = this.#colour.text;
    pen.strokeStyle = this.#colour.text;
    pen.setLineDash([3, 3]);
    pen.beginPath();
    pen.moveTo(LEFT, middle);
    pen.lineTo(right + side, middle);
    pen.stroke();
    pen.setLineDash([]);
    pen.fillText("p50", right + side + 5, middle + apart);
    pen.fillText("p99", right + side + 5, tail - apart);
  }
}

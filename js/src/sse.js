/**
 * text/event-stream, read exactly as the WHATWG writes it (HTML, "Server-sent events", 9.2.5 and 9.2.6).
 *
 * Pure: bytes in, blocks out. It knows nothing of connections.
 */

/**
 * One dispatched block.
 *
 * @typedef {object} Block
 * @property {string} type the `event:` field, or "message"
 * @property {string} data the `data:` lines joined by LF
 * @property {string | undefined} id the `id:` field of this very block, if it had one
 */

// A line ends at CRLF, CR or LF, and nowhere else.
const BREAK = /\r\n|\r|\n/g;

export class EventStream {
  /** The `id:` seen last, also of blocks that carried no data: where to resume. */
  lastEventId = "";
  // Reads UTF-8 across chunks and drops one leading byte order mark, as the standard's decoder does.
  #decoder = new TextDecoder();
  #rest = ""; // a line whose end has not come yet
  #afterCR = false; // the last chunk ended in CR: an LF at the start of the next belongs to it
  #idBuffer = "";
  #data = "";
  #type = "";
  /** @type {string | undefined} */
  #id;
  #onBlock;
  #onRetry;

  /**
   * @param {(block: Block) => void} onBlock
   * @param {(milliseconds: number) => void} [onRetry]
   */
  constructor(onBlock, onRetry = () => {}) {
    this.#onBlock = onBlock;
    this.#onRetry = onRetry;
  }

  /** @param {Uint8Array} chunk any part of the stream, cut anywhere */
  feed(chunk) {
    let text = this.#decoder.decode(chunk, { stream: true });
    if (!text) return;
    if (this.#afterCR && text[0] === "\n") text = text.slice(1);
    this.#afterCR = text ? text.at(-1) === "\r" : false;
    let start = 0;
    for (const match of text.matchAll(BREAK)) {
      const line = this.#rest + text.slice(start, match.index);
      this.#rest = "";
      start = match.index + match[0].length;
      this.#line(line);
    }
    this.#rest += text.slice(start);
  }

  /** @param {string} line */
  #line(line) {
    if (!line) return this.#dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return; // a comment
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? "" : line.slice(colon + 1);
    if (value[0] === " ") value = value.slice(1);
    if (field === "data") this.#data += value + "\n";
    else if (field === "event") this.#type = value;
    else if (field === "id" && !value.includes("\0")) this.#id = this.#idBuffer = value;
    else if (field === "retry" && /^[0-9]+$/.test(value)) this.#onRetry(Number(value));
  }

  #dispatch() {
    this.lastEventId = this.#idBuffer;
    const block = { type: this.#type || "message", data: this.#data.slice(0, -1), id: this.#id };
    const empty = !this.#data;
    this.#data = this.#type = "";
    this.#id = undefined;
    if (!empty) this.#onBlock(block);
  }
}

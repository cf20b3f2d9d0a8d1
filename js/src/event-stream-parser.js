/**
 * Parser of text/event-stream (WHATWG HTML, "Server-sent events", 9.2.5 and 9.2.6).
 *
 * Pure: bytes in, blocks out.
 */

/**
 * One dispatched block.
 *
 * @typedef {object} Block
 * @property {string} type the `event:` field, or "message"
 * @property {string} data the `data:` lines joined by LF
 * @property {string | undefined} id the `id:` field of this block, if it has one
 */

// A line ends at CRLF, CR or LF, and nowhere else.
const LINE_END = /\r\n|\r|\n/;
const FIELD = /([^:]*):? ?(.*)/s;

export class EventStreamParser {
  // Decodes UTF-8 across chunks and drops one leading byte order mark, as the standard requires.
  #decoder = new TextDecoder();
  #partialLine = "";
  #afterCR = false; // the last chunk ended in CR: an LF at the start of the next belongs to it
  #data = "";
  #type = "";
  /** @type {string | undefined} */
  #id;
  #onBlock;
  #onRetry;
  #onId;

  /**
   * @param {(block: Block) => void} onBlock
   * @param {(milliseconds: number) => void} onRetry
   * @param {(id: string) => void} onId the `id:` of a block without data, which only moves the resume position
   */
  constructor(onBlock, onRetry, onId) {
    this.#onBlock = onBlock;
    this.#onRetry = onRetry;
    this.#onId = onId;
  }

  /** @param {Uint8Array} chunk any part of the stream, cut anywhere */
  feed(chunk) {
    let text = this.#decoder.decode(chunk, { stream: true });
    if (!text) return;
    if (this.#afterCR && text[0] === "\n") text = text.slice(1);
    this.#afterCR = text.endsWith("\r");
    const lines = text.split(LINE_END);
    lines[0] = this.#partialLine + lines[0];
    this.#partialLine = /** @type {string} */ (lines.pop());
    for (const line of lines) this.#line(line);
  }

  /** @param {string} line */
  #line(line) {
    if (!line) return this.#dispatch();
    // A comment is a line whose field has an empty name.
    const [, field, value] = /** @type {[string, string, string]} */ (/** @type {unknown} */ (FIELD.exec(line)));
    if (field === "data") this.#data += value + "\n";
    else if (field === "event") this.#type = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    else if (field === "retry" && /^[0-9]+$/.test(value)) this.#onRetry(Number(value));
  }

  #dispatch() {
    const id = this.#id;
    const type = this.#type || "message";
    const data = this.#data;
    this.#data = this.#type = "";
    this.#id = undefined;
    if (data) this.#onBlock({ id, type, data: data.slice(0, -1) });
    else if (id) this.#onId(id);
  }
}

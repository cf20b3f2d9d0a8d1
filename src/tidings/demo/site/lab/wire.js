/**
 * Bytes on the wire, counted where the client meets the network.
 *
 * Bodies and frames are exact. A browser does not tell a page its request's headers, so the server is asked once how
 * long the head of a request from here is; a handshake's is that, with what a WebSocket says more. TCP and IP below,
 * protocol pings (2 bytes each) and the publisher's own requests are not counted.
 */

import { defaultEnv } from "/js/stream.js";
import { forget } from "./sight.js";

/** @import {Env} from "/js/stream.js" */

const utf8 = new TextEncoder();
const size = (/** @type {string} */ text) => utf8.encode(text).length;

const PROBE = "/demo/head";
const ANYTHING = "accept: */*\r\n"; // what a fetch says when nothing is said to it
const KEY = "A".repeat(22) + "==";
/** The headers of a handshake beside those of any request (RFC 6455, section 4.1), as Chromium sends them. */
const HANDSHAKE = [
  "Upgrade: websocket", "Sec-WebSocket-Version: 13", `Sec-WebSocket-Key: ${KEY}`, `Origin: ${location.origin}`,
  "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits", "",
].join("\r\n");
/** How it is answered: the accept key has 28 characters. */
const SWITCHED = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${KEY}AAAA\r\n\r\n`;
const MASK = 4; // bytes that a client's frame carries beside its head

/** The head of a WebSocket frame (RFC 6455, section 5.2). @param {number} length */
const frameHead = (length) => (length < 126 ? 2 : length < 65536 ? 4 : 10);

/** Bytes that each request's head has beside its first line and what is added to it. @returns {Promise<number>} */
export async function headBytes() {
  const response = await fetch(PROBE, { cache: "no-store" });
  const { bytes } = await response.json();
  return bytes - size(`GET ${PROBE} HTTP/1.1\r\n`);
}

/** Counts for one connection. */
export class Meter {
  /** All that was asked for, handshakes too. */
  requests = 0;
  handshakes = 0;
  /** How the last request went, if not well: its status, 0 if no server was reached, undefined while it has no answer. */
  trouble = /** @type {number | undefined} */ (undefined);
  /** Answers that said "nothing new". */
  unchanged = 0;
  up = 0;
  down = 0;
  /** When requests were made: those in sight. @type {number[]} */
  times = [];
  #head;

  /** @param {number} head from `headBytes` */
  constructor(head) {
    this.#head = head;
  }

  /** The default environment, counted. @returns {Env} */
  env() {
    return {
      ...defaultEnv(),
      fetch: async (input, init) => {
        this.#ask(String(input), new Headers(init?.headers));
        this.trouble = undefined;
        try {
          const response = await fetch(input, init);
          if (!response.ok && response.status !== 304) this.trouble = response.status;
          return this.#counted(response);
        } catch (error) {
          if (!init?.signal?.aborted) this.trouble = 0;
          throw error;
        }
      },
      socket: (url) => this.#socket(url),
    };
  }

  /** @param {string} url @param {Headers} headers */
  #ask(url, headers) {
    const { pathname, search } = new URL(url);
    this.requests++;
    this.times.push(performance.now());
    forget(this.times, performance.now());
    this.up += size(`GET ${pathname}${search} HTTP/1.1\r\n`) + this.#head;
    for (const [name, value] of headers) this.up += size(`${name}: ${value}\r\n`);
    if (headers.has("accept")) this.up -= ANYTHING.length;
  }

  /** @param {Response} response */
  async #counted(response) {
    this.down += size(`HTTP/1.1 ${response.status} ${response.statusText}\r\n\r\n`);
    for (const [name, value] of response.headers) this.down += size(`${name}: ${value}\r\n`);
    if (response.status === 304) this.unchanged++;
    if (!response.body) return response;
    if (response.headers.has("content-length")) {
      const body = await response.arrayBuffer();
      this.down += body.byteLength;
      return new Response(body, response);
    }
    const count = new TransformStream({
      transform: (/** @type {Uint8Array} */ part, out) => {
        this.down += part.length;
        out.enqueue(part);
      },
    });
    return new Response(response.body.pipeThrough(count), response);
  }

  /** @param {string} url */
  #socket(url) {
    const socket = new WebSocket(url);
    const send = socket.send.bind(socket);
    this.#ask(url, new Headers());
    this.handshakes++;
    this.up += size(HANDSHAKE);
    socket.addEventListener("open", () => (this.down += SWITCHED.length));
    socket.addEventListener("message", ({ data }) => {
      const length = size(data);
      this.down += length + frameHead(length);
    });
    socket.send = (data) => {
      const length = size(String(data));
      this.up += length + frameHead(length) + MASK;
      send(data);
    };
    return socket;
  }
}

/** A Tidings server in memory, received through `fetch` and `WebSocket`. Its faults are configurable. */

/** @typedef {{id: string, type: string, data: any}} Event */

/**
 * @param {number} status
 * @param {unknown} body
 * @param {Record<string, string>} [headers]
 */
export const jsonResponse = (status, body, headers) =>
  new Response(status === 204 || status === 304 ? null : JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json", ...headers },
  });

/** @param {number} status @param {string} code @param {Record<string, string>} [headers] */
export const problem = (status, code, headers) => jsonResponse(status, { code, title: code }, { "content-type": "application/problem+json", ...headers });

export class FakeServer {
  epoch = "e";
  /** @type {Event[]} */
  log = [];
  /** Every request: "GET /v1/stream?..." @type {string[]} */
  requests = [];
  /** @type {{url: URL, headers: Headers}[]} */
  received = [];
  /** @type {Set<{send: (text: string) => void, end: () => void, break: () => void}>} */
  streams = new Set();
  /** @type {Set<FakeSocket>} */
  sockets = new Set();
  /** The network is down: requests get no response. */
  down = false;
  /** A proxy buffers streams until they end. */
  buffering = false;
  /** Responses to send in place of the usual ones, per path, each used once. @type {Record<string, (() => Response)[]>} */
  overrides = {};
  heartbeat = 25;
  /** The user of the cookie, if the server says who that is. @type {string | undefined} */
  user;
  contentType = "text/event-stream; charset=utf-8";
  /** Events per page of a poll. */
  limit = 3;
  retry = "";
  unread = 0;
  /** The number of messages of a stream that arrive before it goes silent. */
  truncateAfter = Infinity;
  /** WebSocket handshakes fail. */
  refuseSockets = false;
  /** The timer of long polls. @type {((milliseconds: number, run: () => void) => () => void) | undefined} */
  after;
  /** The long polls that wait. @type {Set<() => void>} */
  #waiting = new Set();

  get head() {
    return `${this.epoch}-${this.log.length}`;
  }

  get counters() {
    return { unread: this.unread, unseen: this.unread, by_type: {}, more: false, cursor: this.head };
  }

  /** @param {number} [count] */
  publish(count = 1) {
    for (; count; count--) {
      const id = `${this.epoch}-${this.log.length + 1}`;
      const event = { id, type: "notification.created", data: { id: `n${this.log.length + 1}` } };
      this.log.push(event);
      this.unread++;
      for (const stream of this.streams) stream.send(frame(event));
      for (const socket of this.sockets) socket.give(event);
    }
    for (const wake of this.#waiting) wake();
  }

  /** @param {string} type @param {any} data */
  control(type, data) {
    for (const stream of this.streams) stream.send(frame({ id: "", type, data }));
    for (const socket of this.sockets) socket.give({ id: "", type, data });
  }

  sendHeartbeat() {
    for (const stream of this.streams) stream.send(":\n\n");
  }

  /** End every stream. */
  hangUp() {
    for (const stream of [...this.streams]) stream.end();
    for (const socket of [...this.sockets]) socket.drop(1012, "restart");
  }

  /** @type {(input: any, init?: RequestInit) => Promise<Response>} */
  fetch = async (input, { method = "GET", headers, signal } = {}) => {
    signal?.throwIfAborted();
    const url = new URL(input);
    this.requests.push(`${method} ${url.pathname}${url.search}`);
    this.received.push({ url, headers: new Headers(headers) });
    if (this.down) throw new TypeError("fetch failed");
    const meant = new Headers(headers).get("tidings-user");
    if (this.user !== undefined && meant !== null && decodeURI(meant) !== this.user) return problem(409, "user_changed");
    const other = this.overrides[url.pathname]?.shift();
    if (other) return other();
    if (url.pathname === "/v1/stream") return this.#stream(url, /** @type {AbortSignal} */ (signal));
    if (url.pathname === "/v1/poll") return this.#poll(url, new Headers(headers), /** @type {AbortSignal} */ (signal));
    if (url.pathname === "/v1/inbox/counters") return jsonResponse(200, this.counters);
    if (url.pathname === "/v1/tickets") return jsonResponse(201, { ticket: "tick" });
    return problem(404, "not_found");
  };

  /** @param {string} url */
  socket = (url) => {
    this.requests.push(`WS ${url}`);
    return new FakeSocket(this, new URL(url));
  };

  /**
   * Events after a cursor, after a reset if this log cannot serve it.
   *
   * @param {string | null} cursor
   */
  read(cursor) {
    if (!cursor) return { events: [], from: this.head, reset: undefined };
    const [epoch, seq] = cursor.split("-");
    if (epoch === this.epoch) return { events: this.log.slice(Number(seq)), from: cursor, reset: undefined };
    const from = `${this.epoch}-0`;
    return {
      events: this.log.slice(),
      from,
      reset: { id: from, type: "reset", data: { reason: "unknown_epoch", cursor: from } },
    };
  }

  /** @param {string | null} cursor */
  opening(cursor) {
    const { events, from, reset } = this.read(cursor);
    const data = { cursor: from, counters: this.counters, heartbeat: this.heartbeat, connection: "s", user: this.user };
    return [{ id: from, type: "hello", data }, ...(reset ? [reset] : []), ...events].slice(0, this.truncateAfter);
  }

  /** @param {URL} url @param {AbortSignal} signal */
  #stream(url, signal) {
    const cursor = url.searchParams.get("cursor");
    if (cursor === "rubbish") return problem(400, "invalid_cursor");
    const body = new ReadableStream({
      start: (controller) => {
        const bytes = new TextEncoder();
        let open = true;
        const finish = (/** @type {() => void} */ close) => {
          if (!open) return;
          open = false;
          this.streams.delete(stream);
          close();
        };
        const stream = {
          send: (/** @type {string} */ text) => this.buffering || controller.enqueue(bytes.encode(text)),
          end: () => finish(() => controller.close()),
          break: () => finish(() => controller.error(new TypeError("terminated"))),
        };
        this.streams.add(stream);
        signal.addEventListener("abort", () => finish(() => controller.error(signal.reason)));
        if (this.retry) stream.send(`retry: ${this.retry}\n\n`);
        this.opening(cursor).forEach((event) => stream.send(frame(event)));
      },
    });
    return new Response(body, { headers: { "content-type": this.contentType } });
  }

  /** @param {URL} url @param {Headers} headers @param {AbortSignal} signal */
  async #poll(url, headers, signal) {
    const cursor = url.searchParams.get("cursor");
    if (cursor === "rubbish") return problem(400, "invalid_cursor");
    const wait = Number(url.searchParams.get("wait"));
    const limit = Number(url.searchParams.get("limit") ?? this.limit);
    if (wait && !this.read(cursor).events.length && !this.read(cursor).reset) {
      await new Promise((resolve, reject) => {
        const wake = () => {
          stop?.();
          resolve(this.#waiting.delete(wake));
        };
        const stop = this.after?.(wait * 1000, wake);
        this.#waiting.add(wake);
        signal.addEventListener("abort", () => {
          wake();
          reject(signal.reason);
        });
      });
    }
    const { events, from, reset } = this.read(cursor);
    const page = events.slice(0, limit);
    const etag = `"${cursor}+${page.length}"`;
    if (headers.get("if-none-match") === etag) return jsonResponse(304, null, { "x-poll-interval": "8" });
    const body = {
      events: reset ? [reset, ...page] : page,
      cursor: page.at(-1)?.id ?? from,
      more: events.length > page.length,
    };
    return jsonResponse(200, body, wait ? {} : { etag, "x-poll-interval": "8" });
  }

  /** End the wait of all long polls. */
  endWaiting() {
    for (const wake of this.#waiting) wake();
  }
}

/** @param {Event} event */
const frame = ({ id, type, data }) =>
  `${id && `id: ${id}\n`}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;

export class FakeSocket {
  /** @type {string[]} */
  sent = [];
  closed = false;
  /** @type {any} */ onopen;
  /** @type {any} */ onmessage;
  /** @type {any} */ onclose;
  #server;

  /** @param {FakeServer} server @param {URL} url */
  constructor(server, url) {
    this.#server = server;
    queueMicrotask(() => {
      const cursor = url.searchParams.get("cursor");
      if (server.down || server.refuseSockets || cursor === "rubbish") return this.drop(1006, "");
      server.sockets.add(this);
      this.onopen?.({});
      server.opening(cursor).forEach((event) => this.give(event));
    });
  }

  /** @param {Event} event */
  give(event) {
    if (!this.closed) this.onmessage?.({ data: JSON.stringify(event) });
  }

  /** @param {string} text */
  send(text) {
    this.sent.push(text);
  }

  close() {
    this.drop(1000, "");
  }

  /** @param {number} code @param {string} reason */
  drop(code, reason) {
    if (this.closed) return;
    this.closed = true;
    this.#server.sockets.delete(this);
    this.onclose?.({ code, reason });
  }
}

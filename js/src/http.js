/**
 * The HTTP layer of the stream and the inbox: the server's address, the token cache, and the meaning of responses.
 */

/** @import {Env} from "./env.js" */

/**
 * Why an attempt ended, and with it what the client does next.
 * - `ended` `network` `busy` `timeout`: reconnect with a delay
 * - `blocked`: this transport does not pass here (a proxy); take the next
 * - `unsupported`: the server does not offer it; take the next, or stop where none is left
 * - `handshake`: a WebSocket failed and the browser does not say why; ask over plain HTTP
 * - `refused`: reconnect with another token, if there is one; `invalid_cursor`: start from now
 * - `invalid`: the request itself is wrong, stop
 * - `goaway` `expiring` `preferred`: a planned reconnect; `preferred` returns to the preferred transport
 *
 * @typedef {"ended" | "network" | "busy" | "timeout" | "blocked" | "unsupported" | "handshake" | "refused" |
 *   "invalid_cursor" | "invalid" | "goaway" | "expiring" | "preferred"} FailureKind
 */

export const RESPONSE_TIMEOUT = 10_000; // ms until the response to a plain request must be there; a token likewise
const MAX_DELAY = 600_000; // ms; a mistake on the server must not silence a client for hours

/** A delay that the server asks for, in milliseconds, within bounds. @param {unknown} value */
export const clampDelay = (value) => Math.min(Math.max(Number(value), 0), MAX_DELAY) || 0;

/** A request or a connection that failed: `status` (0 without a response) and the stable `code` (RFC 9457). */
export class TidingsError extends Error {
  /**
   * @param {FailureKind} kind
   * @param {string} [message]
   * @param {{status?: number, code?: string, retryAfter?: number}} [details] `retryAfter`: milliseconds to wait before
   *   the next attempt
   */
  constructor(kind, message = kind, { status = 0, code, retryAfter } = {}) {
    super(message);
    this.name = "TidingsError";
    this.kind = kind;
    this.status = status;
    this.code = code;
    this.retryAfter = clampDelay(retryAfter);
  }
}

/** A `TidingsError` as it is; anything else counts as a network error. @param {unknown} error */
export const toTidingsError = (error) =>
  error instanceof TidingsError ? error : new TidingsError("network", String(error), { code: "unreachable" });

/** The credential is now another user's, as a server says it, too. */
export const userChanged = () => new TidingsError("invalid", "user changed", { code: "user_changed" });

/**
 * @typedef {object} ClientOptions
 * @property {string} [url] the server's base; without it, the page's own origin
 * @property {string} [user] whose inbox the requests mean; in development mode also who makes them
 * @property {() => Promise<string> | string} [getToken]
 * @property {RequestCredentials} [credentials] as in `fetch`
 */

/** @typedef {Record<string, string | number | readonly string[] | null | undefined>} QueryParams */

/**
 * @typedef {object} RequestOptions
 * @property {QueryParams} [params]
 * @property {string} [method]
 * @property {Record<string, string>} [headers]
 * @property {string} [body]
 * @property {boolean} [keepalive]
 * @property {AbortSignal} [signal]
 */

export class HttpClient {
  /** The user whose inbox the requests mean, once it is known: the server refuses them for another. @type {string | undefined} */
  user;
  /** The token that was dropped last. @type {string | undefined} */
  droppedToken;
  /** @type {string | undefined} */
  #tokenValue;
  /** @type {Promise<string> | undefined} */
  #token;
  #options;
  #env;

  /**
   * @param {ClientOptions} options
   * @param {Env} env
   * @throws {TypeError} for a `url` that cannot be used
   */
  constructor(options, env) {
    /** The server's base, absolute, without a slash at its end. */
    this.base = new URL(options.url || "/", globalThis.location?.href).href.replace(/\/+$/, "");
    this.user = options.user;
    this.#options = options;
    this.#env = env;
  }

  /**
   * Take the user whom the server named; false if it is another than before.
   *
   * @param {string | undefined} user
   */
  identify(user = this.user) {
    this.user ??= user;
    return user === this.user;
  }

  get hasToken() {
    return Boolean(this.#options.getToken);
  }

  /**
   * The cached token; fetches one if there is none. Concurrent callers share one fetch.
   *
   * @throws {TidingsError} `getToken` failed or timed out
   */
  async token() {
    const { getToken } = this.#options;
    if (!getToken) return;
    const token = (this.#token ??= (async () => getToken())());
    let cancel = () => {};
    const timeout = new Promise((_, reject) => (cancel = this.#env.after(RESPONSE_TIMEOUT, () => reject("getToken timed out"))));
    try {
      return (this.#tokenValue = await Promise.race([token, timeout]));
    } catch (error) {
      if (this.#token === token) this.#token = undefined;
      throw new TidingsError("busy", String(error));
    } finally {
      cancel();
    }
  }

  /** Drop the cached token: it is about to expire, or was refused. The next request fetches another. */
  dropToken() {
    this.droppedToken = this.#tokenValue;
    this.#token = undefined;
  }

  /**
   * @param {string} path
   * @param {QueryParams} [params]
   */
  url(path, params = {}) {
    const query = new URLSearchParams();
    const user = this.hasToken ? undefined : this.#options.user;
    for (const [name, value] of Object.entries({ ...params, user })) {
      for (const item of [value ?? []].flat()) query.append(name, String(item));
    }
    return `${this.base}${path}?${query}`;
  }

  /**
   * The response, if it is a success or a 304.
   *
   * @param {string} path
   * @param {RequestOptions} [options]
   * @throws {TidingsError} or `fetch`'s own error
   */
  async request(path, { params, headers, ...init } = {}) {
    const token = await this.token();
    headers = { ...headers };
    if (token) headers["authorization"] = `Bearer ${token}`;
    if (this.user !== undefined) headers["tidings-user"] = encodeURI(this.user); // a header takes Latin-1 only
    const response = await this.#env.fetch(this.url(path, params), {
      ...init,
      headers,
      credentials: this.#options.credentials,
      cache: "no-store",
    });
    if (response.ok || response.status === 304) return response;
    throw await this.#errorFrom(response);
  }

  /**
   * @param {string} path
   * @param {RequestOptions} [options]
   * @returns {Promise<any>} the parsed body; undefined if there is none
   */
  async json(path, options) {
    const response = await this.request(path, options);
    if (response.status === 204) return;
    try {
      return await response.json();
    } catch (error) {
      throw new TidingsError("blocked", String(error)); // a captive portal, or a proxy's page
    }
  }

  /**
   * One page of events after a cursor, without waiting for new ones.
   *
   * @param {QueryParams} params
   * @param {AbortSignal} [signal]
   * @returns {Promise<{events: {id: string, type: string, data: any}[], cursor: string, more: boolean}>}
   */
  poll(params, signal) {
    return this.json("/v1/poll", { params: { wait: 0, ...params }, signal });
  }

  /** @param {Response} response */
  async #errorFrom(response) {
    const { status } = response;
    const problem = await response.json().catch(() => ({}));
    /** @type {FailureKind} */
    let kind = "busy";
    if (status === 401 || status === 403) kind = this.hasToken ? "refused" : "invalid";
    else if (problem.code === "invalid_cursor") kind = "invalid_cursor";
    else if ([404, 405, 406, 410, 426, 501].includes(status)) kind = "unsupported";
    // A response without a code does not come from Tidings: a proxy answered.
    else if (status < 500 && ![408, 425, 429].includes(status)) kind = problem.code ? "invalid" : "unsupported";
    const retryAfter = parseRetryAfter(response.headers.get("retry-after"), this.#env.now());
    const { code } = problem;
    return new TidingsError(kind, problem.detail ?? problem.title ?? `HTTP ${status}`, { status, code, retryAfter });
  }
}

/**
 * Milliseconds of a `Retry-After`: seconds, or a date (RFC 9110, 10.2.3).
 *
 * @param {string | null} value
 * @param {number} now
 */
export function parseRetryAfter(value, now) {
  if (!value) return 0;
  return clampDelay(/^[\d.]+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now);
}

/** Where the server is and who I am: every request of the client is made here. */

/** @import {World} from "./world.js" */

/**
 * Why a connection ended.
 * - `ended` `network` `busy` `silent`: try again, later
 * - `blocked`: this way of receiving does not pass here, take the next
 * - `absent`: it is not here at all, take the next; where none is, trying again is no use
 * - `hidden`: the browser does not tell; ask over plain HTTP
 * - `refused`: fetch another token, if there is one to fetch; `cursor`: start from now
 * - `wrong`: the request itself, trying again is no use; `stop`: the server wants us to stay away
 * - `goaway` `expiring` `climb`: ours or the server's wish, nothing is broken
 *
 * @typedef {"ended" | "network" | "busy" | "silent" | "blocked" | "absent" | "hidden" | "refused" | "cursor" | "wrong" |
 *   "stop" | "goaway" | "expiring" | "climb"} Kind
 */

export const ANSWER = 10_000; // ms an answer may take when the server has nothing to wait for; a token too
const PATIENCE = 600_000; // ms; a slip of the server's pen must not silence a client for hours

/** Milliseconds that the server wishes for, within reason. @param {unknown} wish */
export const bounded = (wish) => Math.min(Math.max(Number(wish), 0), PATIENCE) || 0;

export class Failure extends Error {
  /**
   * @param {Kind} kind
   * @param {string} [message]
   * @param {{status?: number, code?: string, after?: number}} [more] HTTP status, the problem's stable code,
   *   milliseconds to stay away
   */
  constructor(kind, message = kind, { status, code, after } = {}) {
    super(message);
    this.name = "TidingsError";
    this.kind = kind;
    this.status = status;
    this.code = code;
    this.after = bounded(after);
  }
}

/** What is no failure of ours is the network's. @param {unknown} error */
export const failureOf = (error) => (error instanceof Failure ? error : new Failure("network", String(error)));

/**
 * @typedef {object} Identity
 * @property {string} url the server's base, absolute, without a slash at its end
 * @property {string} [user] the `user` query parameter of development mode
 * @property {() => Promise<string> | string} [getToken]
 * @property {RequestCredentials} [credentials] as in `fetch`
 */

/** @typedef {Record<string, string | number | string[] | undefined>} Params */

export class Api {
  /** @type {Promise<string> | undefined} */
  #token;
  #who;
  #world;

  /**
   * @param {Identity} who
   * @param {World} world
   */
  constructor(who, world) {
    this.#who = who;
    this.#world = world;
  }

  get hasToken() {
    return Boolean(this.#who.getToken);
  }

  /**
   * The token in use, fetched if there is none: once, however many ask.
   *
   * @throws {Failure} none came
   */
  async token() {
    const { getToken } = this.#who;
    if (!getToken) return;
    const token = (this.#token ??= (async () => getToken())());
    let cancel = () => {};
    const late = new Promise((_, reject) => (cancel = this.#world.after(ANSWER, () => reject("no token came"))));
    try {
      return await Promise.race([token, late]);
    } catch (error) {
      if (this.#token === token) this.forget();
      throw new Failure("busy", String(error));
    } finally {
      cancel();
    }
  }

  /** Fetch another token before the next request: this one is refused, or about to be. */
  forget() {
    this.#token = undefined;
  }

  /**
   * @param {string} path
   * @param {Params} [params]
   */
  address(path, params = {}) {
    const query = new URLSearchParams();
    const user = this.hasToken ? undefined : this.#who.user;
    for (const [name, value] of Object.entries({ ...params, user })) {
      for (const one of [value ?? []].flat()) query.append(name, String(one));
    }
    return `${this.#who.url}${path}?${query}`;
  }

  /**
   * The answer, if it is a good one or a 304.
   *
   * @param {string} path
   * @param {{params?: Params, method?: string, headers?: Record<string, string>, signal?: AbortSignal}} [request]
   * @throws {Failure} or what the network threw
   */
  async request(path, { params, method, headers, signal } = {}) {
    const token = await this.token();
    const response = await this.#world.fetch(this.address(path, params), {
      method,
      headers: token ? { ...headers, authorization: `Bearer ${token}` } : headers,
      credentials: this.#who.credentials,
      cache: "no-store",
      signal,
    });
    if (response.ok || response.status === 304) return response;
    throw await this.#failure(response);
  }

  /**
   * @param {string} path
   * @param {Parameters<Api["request"]>[1]} [request]
   */
  async json(path, request) {
    const response = await this.request(path, request);
    try {
      return await response.json();
    } catch (error) {
      throw new Failure("blocked", String(error)); // a captive portal, or a page where the API should be
    }
  }

  /**
   * Events after a cursor, at once.
   *
   * @param {Params} params
   * @param {AbortSignal} [signal]
   * @returns {Promise<{events: {id: string, type: string, data: any}[], cursor: string, more: boolean}>}
   */
  page(params, signal) {
    return this.json("/v1/poll", { params: { wait: 0, ...params }, signal });
  }

  /** @param {Response} response */
  async #failure(response) {
    const { status } = response;
    const problem = await response.json().catch(() => ({}));
    /** @type {Kind} */
    let kind = "busy";
    if (status === 401 || status === 403) kind = this.hasToken ? "refused" : "wrong";
    else if (problem.code === "invalid_cursor") kind = "cursor";
    else if ([404, 405, 406, 410, 426, 501].includes(status)) kind = "absent";
    // What has no code is not the server's: a proxy answered.
    else if (status < 500 && ![408, 425, 429].includes(status)) kind = problem.code ? "wrong" : "absent";
    const after = milliseconds(response.headers.get("retry-after"), this.#world.now());
    return new Failure(kind, problem.detail ?? problem.title ?? `HTTP ${status}`, { status, code: problem.code, after });
  }
}

/**
 * `Retry-After`: seconds, or a date (RFC 9110, 10.2.3).
 *
 * @param {string | null} value
 * @param {number} now
 */
export function milliseconds(value, now) {
  if (!value) return 0;
  return bounded(/^[\d.]+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now);
}

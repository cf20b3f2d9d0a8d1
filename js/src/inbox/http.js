/**
 * The inbox over HTTP.
 */

/** An answer that is not a success: its `status` and its stable `code` (RFC 9457 problem details). */
export class InboxError extends Error {
  /**
   * @param {string} message
   * @param {number} [status] 0 when there was no answer
   * @param {string} [code]
   */
  constructor(message, status = 0, code = "unreachable") {
    super(message);
    this.name = "InboxError";
    this.status = status;
    this.code = code;
  }
}

/**
 * @typedef {object} ConnectOptions
 * @property {string} [url] the server's base; relative to the page if not absolute
 * @property {string} [user] who I am, where the server lets one say so (`tidings dev`)
 * @property {() => string | Promise<string>} [getToken] asked for one, and for another when that is refused
 * @property {RequestCredentials} [credentials] as in `fetch`
 * @property {typeof globalThis.fetch} [fetch]
 */

// A page of the inbox takes milliseconds; a request that is not back by then has lost its network.
const TIMEOUT = 10_000; // ms

/** @param {ConnectOptions} options */
export function openHttp({ url = "", user, getToken, credentials, fetch = globalThis.fetch }) {
  const base = url.replace(/\/+$/, "");
  /** @type {string | undefined} */
  let token;

  /**
   * @param {string} path with its query
   * @param {string} method
   * @param {unknown} body
   */
  async function send(path, method, body) {
    if (getToken) token ??= await getToken();
    /** @type {Record<string, string>} */
    const headers = {};
    if (body) headers["content-type"] = "application/json";
    if (token) headers["authorization"] = `Bearer ${token}`;
    try {
      return await fetch(base + path, {
        method,
        headers,
        body: JSON.stringify(body),
        // "read" is often said by a click that leaves the page.
        keepalive: method !== "GET",
        signal: AbortSignal.timeout(TIMEOUT),
        credentials,
      });
    } catch (error) {
      throw new InboxError(String(error));
    }
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {{query?: Record<string, string | number | null | undefined>, body?: unknown}} [options]
   * @returns {Promise<any>} the parsed body, undefined if there is none
   * @throws {InboxError}
   */
  return async function call(method, path, { query = {}, body } = {}) {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries({ user: getToken ? null : user, ...query })) {
      if (value !== undefined && value !== null) search.set(name, String(value));
    }
    const where = `${path}?${search}`;
    let response = await send(where, method, body);
    if (response.status === 401 && token) {
      token = undefined;
      response = await send(where, method, body);
    }
    const answer = await response.json().catch(() => undefined);
    if (response.ok) return answer;
    throw new InboxError(answer?.detail ?? response.statusText, response.status, answer?.code);
  };
}

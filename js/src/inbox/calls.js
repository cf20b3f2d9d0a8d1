/** The calls of the inbox API. */

import { RESPONSE_TIMEOUT, toTidingsError } from "../http.js";

/** @import { Env } from "../env.js" */
/** @import { HttpClient, QueryParams, TidingsError } from "../http.js" */

/** @typedef {ReturnType<typeof createCalls>} Calls */

/**
 * @param {HttpClient} http
 * @param {Env} env
 */
export function createCalls(http, env) {
  /** @type {string | undefined} */
  let user;

  /**
   * @param {string} path
   * @param {import("../http.js").RequestOptions} options
   */
  async function send(path, options) {
    const timeout = new AbortController();
    const cancel = env.after(RESPONSE_TIMEOUT, () => timeout.abort());
    try {
      return await http.json(path, { ...options, signal: timeout.signal });
    } catch (error) {
      throw toTidingsError(error);
    } finally {
      cancel();
    }
  }

  return {
    /** The user whose inbox the calls mean, once the stream has named it: the server refuses a call for another. */
    get user() {
      return user;
    },

    set user(value) {
      user = value;
    },

    /**
     * Make a call within a time limit, and again with another token if the first was refused.
     *
     * @param {string} method
     * @param {string} path
     * @param {{params?: QueryParams, body?: unknown}} [options]
     * @returns {Promise<any>} the parsed body; undefined if there is none
     * @throws {TidingsError}
     */
    async call(method, path, { params, body } = {}) {
      /** @type {Record<string, string>} */
      const headers = {};
      if (body) headers["content-type"] = "application/json";
      if (user !== undefined) headers["tidings-user"] = encodeURI(user); // a header field takes Latin-1 only
      // A mark is often made by a click that leaves the page: hence `keepalive`.
      const options = { method, params, headers, body: body ? JSON.stringify(body) : undefined, keepalive: method !== "GET" };
      try {
        return await send(path, options);
      } catch (error) {
        if (/** @type {TidingsError} */ (error).status !== 401 || !http.hasToken) throw error;
        http.dropToken();
        return send(path, options);
      }
    },
  };
}

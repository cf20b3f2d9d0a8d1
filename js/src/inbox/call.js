/** The calls of the inbox API. */

import { RESPONSE_TIMEOUT, toTidingsError } from "../http.js";

/** @import { Env } from "../env.js" */
/** @import { HttpClient, QueryParams, RequestOptions, TidingsError } from "../http.js" */

/**
 * @param {HttpClient} http
 * @param {Env} env
 */
export function createCall(http, env) {
  /**
   * @param {string} path
   * @param {RequestOptions} options
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

  /**
   * Make a call within a time limit, and again with another token if the first was refused.
   *
   * @param {string} method
   * @param {string} path
   * @param {{params?: QueryParams, body?: unknown}} [options]
   * @returns {Promise<any>} the parsed body; undefined if there is none
   * @throws {TidingsError}
   */
  return async function call(method, path, { params, body } = {}) {
    /** @type {RequestOptions} */
    const options = { method, params, keepalive: method !== "GET" }; // a mark is often made by a click that leaves the page
    if (body) {
      options.headers = { "content-type": "application/json" };
      options.body = JSON.stringify(body);
    }
    try {
      return await send(path, options);
    } catch (error) {
      if (/** @type {TidingsError} */ (error).status !== 401 || !http.hasToken) throw error;
      http.dropToken();
      return send(path, options);
    }
  };
}

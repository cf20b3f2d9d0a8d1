/** A stream whose events and status are also sent to the other tabs. */

import { ReconnectingStream } from "../reconnecting-stream.js";

/**
 * @import {HttpClient} from "../http.js"
 * @import {StreamOptions, Listener} from "../reconnecting-stream.js"
 * @import {Env} from "../env.js"
 * @import {FromLeader, Welcome} from "./messages.js"
 */

export class Leader {
  #stream;
  #term;

  /**
   * @param {StreamOptions} options
   * @param {HttpClient} http
   * @param {Env} env
   * @param {(message: FromLeader) => void} broadcast
   * @param {Listener} own
   */
  constructor(options, http, env, broadcast, own) {
    const term = (this.#term = `${env.now()}-${env.random()}`);
    this.#stream = new ReconnectingStream(options, http, env, {
      event: (event) => {
        broadcast({ t: "event", term, event });
        own.event(event);
      },
      status: (status, transport) => {
        broadcast({ t: "status", term, status, transport });
        own.status(status, transport);
      },
      closed: own.closed,
      log: (message, details) => {
        broadcast({ t: "log", message, details });
        own.log(message, details);
      },
    });
  }

  /** @param {{to: string, missed?: boolean, lock?: string, provisional?: boolean}} recipient @returns {Welcome} */
  welcome(recipient) {
    const { status, transport, cursor, hello, helloIsCurrent } = this.#stream;
    return { t: "welcome", term: this.#term, status, transport, at: cursor, hello, helloIsCurrent, ...recipient };
  }

  /** @param {boolean} [networkChanged] */
  wake(networkChanged) {
    this.#stream.wake(networkChanged);
  }

  close() {
    this.#stream.close();
  }
}

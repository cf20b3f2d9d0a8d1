/** A link that tells others what it hears. */

import { Link } from "../link.js";

/**
 * @import {Api} from "../http.js"
 * @import {LinkOptions, Listener} from "../link.js"
 * @import {World} from "../world.js"
 * @import {FromLeader, Welcome} from "./words.js"
 */

export class Leader {
  #link;
  #term;

  /**
   * @param {LinkOptions} options
   * @param {Api} api
   * @param {World} world
   * @param {(message: FromLeader) => void} tell all others
   * @param {Listener} own
   */
  constructor(options, api, world, tell, own) {
    const term = (this.#term = `${world.now()}-${world.random()}`);
    this.#link = new Link(options, api, world, {
      event: (event) => {
        tell({ t: "event", term, event });
        own.event(event);
      },
      status: (status, transport) => {
        tell({ t: "status", term, status, transport });
        own.status(status, transport);
      },
      over: own.over,
    });
  }

  /** @param {{to: string, missed?: boolean, life?: string}} one @returns {Welcome} */
  welcome(one) {
    const { status, transport, cursor, hello, fresh } = this.#link;
    return { t: "welcome", term: this.#term, status, transport, at: cursor, hello, fresh, ...one };
  }

  /** @param {boolean} [moved] */
  wake(moved) {
    this.#link.wake(moved);
  }

  close() {
    this.#link.close();
  }
}

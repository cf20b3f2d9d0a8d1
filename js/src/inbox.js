/**
 * The inbox without a user interface: for React, Vue, or any other code.
 *
 * `openInbox` returns a store (`subscribe`, `getSnapshot`, and the actions); `reduce` is the pure function inside it that
 * applies the events of a stream to the state of the inbox. Nothing here touches the DOM.
 */

import { openStore } from "./inbox/store.js";
import { connect } from "./stream.js";

export { TidingsError } from "./http.js";
export { fromPage, listed } from "./inbox/pages.js";
export { expire, reduce } from "./inbox/reduce.js";

/** @typedef {import("./inbox/model.js").Counters} Counters */
/** @typedef {import("./inbox/model.js").InboxEvent} InboxEvent */
/** @typedef {import("./inbox/model.js").Item} Item */
/** @typedef {import("./inbox/model.js").State} State */
/** @typedef {import("./inbox/store.js").Inbox} Inbox */
/** @typedef {import("./inbox/store.js").Snapshot} Snapshot */
/** @typedef {import("./inbox/store.js").StoreOptions} StoreOptions */

/**
 * Open a user's inbox. Further options (`transports`, `share` ...) are passed on to the stream.
 *
 * @param {Partial<StoreOptions>} [options] `url` of the server, `user` or `getToken`, `limit` per page,
 *   `debug`, and, for tests, `connect` and `env`
 * @returns {Inbox}
 */
export const openInbox = (options) => openStore({ connect, ...options });

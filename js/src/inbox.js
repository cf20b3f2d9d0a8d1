/**
 * The inbox without a face: for React, Vue, or anything that can call a function.
 *
 * `openInbox` gives a store (`subscribe`, `getSnapshot`, and the verbs); `reduce` is the pure function inside
 * it that turns the events of a stream into a picture of the inbox. Nothing here touches the DOM.
 */

import { openStore } from "./inbox/store.js";
import { connect } from "./stream.js";

export { InboxError } from "./inbox/http.js";
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
 * Open a user's inbox. What is not named here (`transports`, `share` ...) is handed on to the stream.
 *
 * @param {Partial<StoreOptions>} [options] `url` of the server, `user` or `getToken`, `limit` per page,
 *   and, to stand in for the network, `connect` and `fetch`
 * @returns {Inbox}
 */
export const openInbox = (options) => openStore({ connect, ...options });

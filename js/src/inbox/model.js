/**
 * The data types of the inbox.
 *
 * Rule 1. Nothing here reads a clock, touches the network or the DOM.
 * Rule 2. Values are immutable: an item that did not change stays the same object.
 */

/**
 * The author of a notification, as the application sent it; the bell shows these fields.
 *
 * @typedef {object} Actor
 * @property {string} [id]
 * @property {string} [name]
 * @property {string} [avatar_url]
 */

/**
 * A notification as it is in this inbox (docs/events.md, "A notification").
 *
 * @typedef {object} Item
 * @property {string} id
 * @property {string} cursor its sort position: the event that last moved it to the top
 * @property {string} topic
 * @property {string} type
 * @property {string | null} [title]
 * @property {string | null} [body]
 * @property {any} [data]
 * @property {Actor | null} [actor]
 * @property {string | null} [action_url]
 * @property {string | null} [entity]
 * @property {{key: string, count: number, actors: Actor[], total?: number} | null} [group] `count` notifications of
 *   `total` actors, of which `actors` are the latest
 * @property {"low" | "normal" | "high" | "critical"} [priority]
 * @property {number | null} [progress] 0 to 1
 * @property {"UNREAD" | "READ" | "ARCHIVED"} status
 * @property {string} create_time
 * @property {string} [update_time]
 * @property {string | null} [read_time]
 * @property {string | null} [seen_time]
 * @property {string | null} [expire_time]
 * @property {number} [revision]
 * @property {boolean | "counted"} [expired] expired by this clock, not yet deleted by the server; "counted" if the
 *   counters include it
 */

/**
 * @typedef {object} Counters
 * @property {number} unread
 * @property {number} unseen
 * @property {Readonly<Record<string, number>>} by_type unread count of each type
 * @property {boolean} more true: above the cap of the counters
 * @property {string} cursor the event at which the counters are exact
 */

/** @typedef {"all" | "unread" | "archived"} List "all" is without the archived ones */

/**
 * How far down one list is loaded: every item with a seq of `lowestHeld` or more is held.
 *
 * @typedef {{next: string | null | undefined, lowestHeld: number}} Edge
 */

/**
 * A list without a loaded page, or with one that may lack an item. A new object each time: a page that was requested
 * before belongs to no list any more.
 *
 * @returns {Edge}
 */
export const unloaded = () => ({ next: undefined, lowestHeld: Infinity });

/**
 * @typedef {object} State
 * @property {readonly Item[]} items all that are held, newest first; archived and expired ones too
 * @property {Counters} counters
 * @property {boolean} isExact false: an item that is not held changed; the counters must be fetched
 * @property {string} cursor every event up to here is applied
 * @property {Readonly<Record<string, number>>} watermarks the highest `up_to` (seq) received, by event type
 * @property {readonly string[] | null} mutes null while unknown
 * @property {Readonly<Record<List, Edge>>} edges
 * @property {string | null} reload the reason why the first page must be loaded again, if it must
 */

/**
 * @typedef {{id?: string | undefined, type: string, data: any}} InboxEvent
 */

/**
 * Whether a notification is muted. A critical one never is.
 *
 * @param {Pick<Item, "type" | "topic" | "entity" | "priority">} item
 * @param {readonly string[]} mutes
 */
export function isMuted(item, mutes) {
  if (item.priority === "critical") return false;
  return mutes.some(
    (mute) =>
      mute === `type:${item.type}` || mute === `topic:${item.topic}` || mute === `entity:${item.entity}`,
  );
}

/**
 * Whether an item belongs in the lists: neither archived nor expired.
 *
 * @param {Item} item
 */
export function isListed(item) {
  return !item.expired && item.status !== "ARCHIVED";
}

/**
 * Whether an item was never on the screen. One that is read without a `read_time` was published before the user
 * followed its topic, and does not count as new either.
 *
 * @param {Item} item
 */
export function isUnseen(item) {
  return !item.seen_time && (item.status !== "READ" || !!item.read_time);
}

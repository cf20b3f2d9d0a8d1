/**
 * The words of the inbox, as values.
 *
 * Rule 1. Nothing here reads a clock, touches the network or the DOM.
 * Rule 2. Every value is replaced, never changed: an item that stayed the same is the same object.
 */

/**
 * Who did it. Whatever the application sent; these names are the ones a bell shows.
 *
 * @typedef {object} Actor
 * @property {string} [id]
 * @property {string} [name]
 * @property {string} [avatar_url]
 */

/**
 * A notification as it lies in this inbox (docs/events.md, "A notification").
 *
 * @typedef {object} Item
 * @property {string} id
 * @property {string} cursor its place: the event that last put it at the top
 * @property {string} topic
 * @property {string} type
 * @property {string | null} [title]
 * @property {string | null} [body]
 * @property {any} [data]
 * @property {Actor | null} [actor]
 * @property {string | null} [action_url]
 * @property {string | null} [entity]
 * @property {{key: string, count: number, actors: Actor[], total?: number} | null} [group] `count` notifications of
 *   `total` people, of whom `actors` came last
 * @property {"low" | "normal" | "high" | "critical"} [priority]
 * @property {number | null} [progress] 0 to 1
 * @property {"UNREAD" | "READ" | "ARCHIVED"} status
 * @property {string} create_time
 * @property {string} [update_time]
 * @property {string | null} [read_time]
 * @property {string | null} [seen_time]
 * @property {string | null} [expire_time]
 * @property {number} [revision]
 * @property {boolean | "counted"} [expired] its time was up before the server said so; is it in its counters?
 */

/**
 * @typedef {object} Counters
 * @property {number} unread
 * @property {number} unseen
 * @property {Readonly<Record<string, number>>} by_type unread ones of each type
 * @property {boolean} more true: above the cap up to which the server counts
 * @property {string} cursor the event at which these numbers are exact
 */

/**
 * How far down one list has been loaded: everything placed at or above `floor` is held.
 *
 * @typedef {{next: string | null | undefined, floor: number}} Edge
 */

/**
 * A list of which no page was asked for yet.
 *
 * @type {Edge}
 */
export const UNLOADED = { next: undefined, floor: Infinity };

/**
 * @typedef {object} State
 * @property {readonly Item[]} items all that is held, newest place first; archived and expired ones too
 * @property {Counters} counters
 * @property {boolean} sure false: something happened to an item that is not held; ask for the counters
 * @property {string} cursor every event up to here is in the picture
 * @property {Readonly<Record<string, number>>} marks the highest watermark heard of, by event type
 * @property {readonly string[] | null} mutes null while nothing has told
 * @property {{all: Edge, unread: Edge}} edges
 * @property {string | null} reload why the picture must be loaded again, if it must
 */

/**
 * @typedef {{id?: string | undefined, type: string, data: any}} InboxEvent
 */

/**
 * Where a cursor stands in its log. Cursors are `<epoch>-<seq>`; within one epoch seq is the order.
 *
 * @param {string} cursor
 */
export function place(cursor) {
  return Number(cursor.slice(cursor.lastIndexOf("-") + 1));
}

/**
 * Do these mutes keep this notification away? A critical one passes.
 *
 * @param {Pick<Item, "type" | "topic" | "entity" | "priority">} item
 * @param {readonly string[]} mutes
 */
export function muted(item, mutes) {
  if (item.priority === "critical") return false;
  return mutes.some(
    (mute) =>
      mute === `type:${item.type}` || mute === `topic:${item.topic}` || mute === `entity:${item.entity}`,
  );
}

/**
 * Is it on show: neither archived nor over?
 *
 * @param {Item} item
 */
export function present(item) {
  return !item.expired && item.status !== "ARCHIVED";
}

/**
 * Was it never on the screen? One that is read at no known time was there before its reader came, and does
 * not count as new either.
 *
 * @param {Item} item
 */
export function unseen(item) {
  return !item.seen_time && (item.status !== "READ" || !!item.read_time);
}

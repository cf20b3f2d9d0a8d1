/** Each kind of request that the page can send: what is asked, and what request it makes of the answers. */

/**
 * @typedef {{method: string, path: string, headers?: Record<string, string>, body?: any, stream?: boolean}} Ask a string as
 *   a body is sent as it is; of a stream there is no end
 * @typedef {object} Field
 * @property {string} name
 * @property {string} label
 * @property {string} [value] what it begins with
 * @property {"area" | "range"} [as]
 * @property {string[]} [among] one of these; `"sent"`: one of the notifications that were sent from here
 * @property {boolean} [wide]
 *
 * @typedef {object} Kind
 * @property {string} id
 * @property {string} name
 * @property {string} lead
 * @property {Field[]} fields
 * @property {Field[]} [more] shown on demand
 * @property {string} [verb] on the button
 * @property {(values: Record<string, string>) => Ask} ask
 */

/** Leave empty fields out. @param {Record<string, any>} values */
const given = (values) => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== "" && value !== undefined));

/** @param {string} id */
const actor = (id) => (id ? { id, name: id[0].toUpperCase() + id.slice(1) } : undefined);

/** @param {any} to @param {Record<string, string>} v @returns {Ask} */
const publish = (to, { type, title, body, who, priority, entity, group_key, action_url }) => ({
  method: "POST",
  path: "/v1/notifications",
  body: given({
    to, type, title, body, actor: actor(who), entity, group_key, action_url,
    priority: priority === "normal" ? "" : priority,
  }),
});

/** A topic may hold slashes, raw. @param {string} topic */
const inPath = (topic) => topic.split("/").map(encodeURIComponent).join("/");

/** @type {Field[]} */
const MORE = [
  { name: "who", label: "Actor" },
  { name: "priority", label: "Priority", among: ["low", "normal", "high", "critical"], value: "normal" },
  { name: "entity", label: "Entity" },
  { name: "group_key", label: "Group key" },
  { name: "action_url", label: "Action URL", wide: true },
];

/** @param {Record<string, string>} values */
const more = (values) => MORE.map((field) => ({ ...field, value: values[field.name] ?? field.value }));

/** @type {Kind[]} */
export const KINDS = [
  {
    id: "user",
    name: "One person",
    lead: "Goes to every screen this person has open, and waits in their inbox if there is none. The same group key twice makes one item that counts.",
    fields: [
      { name: "user", label: "To", value: "alice" },
      { name: "type", label: "Type", value: "like" },
      { name: "title", label: "Title", value: "Bob liked your post", wide: true },
      { name: "body", label: "Body", value: "“Sourdough, day 12: it is alive.”", wide: true },
    ],
    more: more({ who: "bob", entity: "post/9", group_key: "like:post/9" }),
    ask: (v) => publish({ user: v.user }, v),
  },
  {
    id: "users",
    name: "Several",
    lead: "One request, a list of people.",
    fields: [
      { name: "users", label: "To", value: "alice, bob", wide: true },
      { name: "type", label: "Type", value: "recommendation" },
      { name: "title", label: "Title", value: "Recommended for you" },
      { name: "body", label: "Body", value: "Ten bakeries that open before six", wide: true },
    ],
    more: more({}),
    ask: (v) => publish({ users: v.users.split(/[\s,]+/).filter(Boolean) }, v),
  },
  {
    id: "topic",
    name: "A topic",
    lead: "Reaches the followers of the topic, stored once however many they are. Let a user follow it first: see Follow.",
    fields: [
      { name: "topic", label: "Topic", value: "author/42" },
      { name: "type", label: "Type", value: "post" },
      { name: "title", label: "Title", value: "Carol wrote “A map of quiet places”", wide: true },
      { name: "body", label: "Body", value: "Twelve benches, one lighthouse.", wide: true },
    ],
    more: more({ who: "carol", entity: "post/12" }),
    ask: (v) => publish({ topic: v.topic }, v),
  },
  {
    id: "all",
    name: "Everyone",
    lead: "An announcement is one row, whether ten or a million people read it.",
    fields: [
      { name: "type", label: "Type", value: "system" },
      { name: "title", label: "Title", value: "Maintenance tonight at 22:00 UTC" },
      { name: "body", label: "Body", value: "Expect a minute of silence. Nothing will be lost.", wide: true },
    ],
    more: more({ priority: "high" }),
    ask: (v) => publish({ all: true }, v),
  },
  {
    id: "follow",
    name: "Follow",
    lead: "Takes effect at once, also on connections that are already open. Followers receive what comes after they followed.",
    fields: [
      { name: "does", label: "Do", among: ["follow", "unfollow"], value: "follow", wide: true },
      { name: "user", label: "Who", value: "alice" },
      { name: "topic", label: "Topic", value: "author/42" },
    ],
    verb: "Do it",
    ask: (v) => ({
      method: v.does === "follow" ? "PUT" : "DELETE",
      path: `/v1/topics/${inPath(v.topic)}/followers/${encodeURIComponent(v.user)}`,
    }),
  },
  {
    id: "batch",
    name: "Batch",
    lead: "A JSON array, or one notification a line. All of it is stored in one transaction, or none of it.",
    fields: [
      {
        name: "lines",
        label: "Notifications",
        as: "area",
        wide: true,
        value: [
          { to: { user: "alice" }, type: "comment", title: "Bob commented", body: "Recipe, please!" },
          { to: { user: "bob" }, type: "follow", title: "Alice follows you" },
          { to: { all: true }, type: "system", title: "New: dark colours" },
        ].map((line) => JSON.stringify(line)).join("\n"),
      },
    ],
    ask: (v) => ({ method: "POST", path: "/v1/notifications:batch", body: v.lines }),
  },
  {
    id: "update",
    name: "Update",
    lead: "Changes it in every inbox and on every screen, in place and without ringing: an edit, or progress.",
    fields: [
      { name: "id", label: "Which", among: ["sent"], wide: true },
      { name: "title", label: "Title", value: "Exporting your year", wide: true },
      { name: "progress", label: "Progress", as: "range", value: "0.4", wide: true },
    ],
    verb: "Update",
    ask: (v) => ({
      method: "PATCH",
      path: `/v1/notifications/${v.id}`,
      body: given({ title: v.title, progress: Number(v.progress) }),
    }),
  },
  {
    id: "retract",
    name: "Retract",
    lead: "Takes it back from everyone who got it, or everything about an entity: the post it spoke of was deleted.",
    fields: [
      { name: "by", label: "By", among: ["id", "entity"], value: "id" },
      { name: "entity", label: "Entity", value: "post/9" },
      { name: "id", label: "Which", among: ["sent"], wide: true },
    ],
    verb: "Retract",
    ask: (v) => ({
      method: "DELETE",
      path: v.by === "id" ? `/v1/notifications/${v.id}` : `/v1/notifications?entity=${encodeURIComponent(v.entity)}`,
    }),
  },
  {
    id: "once",
    name: "Exactly once",
    lead: "Send it twice: the same key and body get the first answer again, and nothing is sent anew. The same key with another body is refused.",
    fields: [
      { name: "key", label: "Idempotency-Key", value: "order-1017-shipped", wide: true },
      { name: "user", label: "To", value: "alice" },
      { name: "type", label: "Type", value: "order" },
      { name: "title", label: "Title", value: "Order 1017 is on its way", wide: true },
    ],
    ask: (v) => ({ ...publish({ user: v.user }, v), headers: { "idempotency-key": v.key } }),
  },
];

/** The icons of the list, and the icon of each type of notification. */

export const PATHS = {
  check: "M5 12.5l4.5 4.5L19 7.5",
  dot: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8z",
  archive: "M4 5h16v4H4zM5.5 9v10h13V9M10 13h4",
  unarchive: "M4 5h16v4H4zM5.5 9v10h13V9M12 16v-4M10 13l2-2 2 2",
  close: "M7 7l10 10M17 7L7 17",
  like: "M12 20S4 15.5 4 10a4 4 0 0 1 8-2 4 4 0 0 1 8 2c0 5.5-8 10-8 10z",
  comment: "M4 5h16v11h-8l-4.5 4v-4H4z",
  follow: "M10 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM3 20c0-3 3-5 7-5M18 14v6M15 17h6",
  star: "M12 4l2 6 6 2-6 2-2 6-2-6-6-2 6-2z",
  file: "M6 4h8l4 4v12H6zM12 10v6M9.5 14l2.5 2.5 2.5-2.5",
  post: "M4.5 19.5l1-4.5L16 4.5l3.5 3.5L9 18.5z",
  alert: "M12 4v9M12 18v1",
  system: "M4 10v4h3l9 5V5l-9 5zM19.5 9.5v5",
};

/** Patterns of a type with their icon and hue; the first match wins. @type {[RegExp, string, number][]} */
const KINDS = [
  [/like|love|reaction/i, PATHS.like, 12],
  [/comment|reply|mention|message/i, PATHS.comment, 250],
  [/follow|friend|invite/i, PATHS.follow, 300],
  [/recommend|suggest/i, PATHS.star, 75],
  [/export|report|file/i, PATHS.file, 165],
  [/post|publish|article/i, PATHS.post, 220],
  [/^/, PATHS.system, 270],
];


/**
 * The icon of a notification. A critical one looks like no other, whatever its type.
 *
 * @param {Pick<import("../inbox/model.js").Item, "type" | "priority">} item
 * @returns {{path: string, hue: number}}
 */
export function iconOf({ type, priority }) {
  const [, path = PATHS.alert, hue = 27] = (priority !== "critical" && KINDS.find(([pattern]) => pattern.test(type))) || [];
  return { path, hue };
}


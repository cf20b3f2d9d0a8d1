/** A request as the command that does the same in a POSIX shell. */

/** @import {Ask} from "./kinds.js" */

/** @param {string} text */
const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

/**
 * @param {Ask} ask
 * @param {string} origin
 */
export function curl({ method, path, headers = {}, body, stream }, origin) {
  const parts = [`curl ${stream ? "-N" : `-X ${method}`} ${quoted(origin + path)}`];
  for (const [name, value] of Object.entries(headers)) parts.push(`-H ${quoted(`${name}: ${value}`)}`);
  if (body !== undefined) parts.push(`-d ${quoted(typeof body === "string" ? body : JSON.stringify(body))}`);
  return parts.join(" \\\n  ");
}

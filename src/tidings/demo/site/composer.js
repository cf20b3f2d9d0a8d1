/** The left side: one form at a time, its request as a command, and the server's answer. */

import { curl } from "./curl.js";
import { KINDS } from "./kinds.js";
import { $, call, copier, h } from "./page.js";

/** @import {Field} from "./kinds.js" */

const KEPT = 50; // notifications that can be changed or taken back from here

/** The notifications sent from here, newest first. @type {{id: string, title: string}[]} */
const sent = [];
/** The typed values, by kind and field: they are still there when the user comes back. @type {Record<string, Record<string, string>>} */
const typed = {};
let kind = KINDS[0];

const form = $(".form");
const command = $("#curl");
const answer = $("#answer");

/** @param {Field} field */
function control({ name, as, among, value = "" }) {
  const now = typed[kind.id]?.[name] ?? value;
  if (as === "area") {
    const area = h("textarea", { name, spellcheck: "false" });
    area.value = now;
    return area;
  }
  if (!among) return h("input", as === "range" ? { name, type: as, min: 0, max: 1, step: 0.05, value: now } : { name, value: now });
  const options = among[0] === "sent" ? sent.map(({ id, title }) => [id, `${title} · ${id}`]) : among.map((one) => [one, one]);
  if (!options.length) options.push(["", "Send something first"]);
  const select = h("select", { name }, ...options.map(([value, text]) => h("option", { value }, text)));
  if (options.some(([value]) => value === now)) select.value = now;
  return select;
}

/** @param {Field} field */
const labelled = (field) => h("label", { class: field.wide ? "field wide" : "field" }, field.label, control(field));

const values = () => Object.fromEntries(/** @type {any} */ (new FormData(form)));
const ask = () => kind.ask(values());

function paint() {
  command.textContent = curl(ask(), location.origin);
  const pick = form.elements.namedItem("id");
  const needed = pick && (values().by ?? "id") === "id";
  $(".button.main", form).disabled = needed && !pick.value;
}

function show() {
  const more = kind.more?.map(labelled) ?? [];
  form.replaceChildren(
    h("p", { class: "lead" }, kind.lead),
    h("div", { class: "fields" }, ...kind.fields.map(labelled)),
    h("details", { hidden: !more.length }, h("summary", {}, "More fields"), h("div", { class: "fields" }, ...more)),
    h("button", { class: "button main" }, kind.verb ?? "Send"),
  );
  paint();
}

/** @param {any} told */
function report({ ok, status, json, took, headers }) {
  const replayed = headers.get("idempotent-replayed");
  answer.hidden = false;
  answer.replaceChildren(
    h("div", { class: "strip" },
      h("b", { class: ok ? "good" : "bad" }, status ? String(status) : "no answer"),
      h("span", {}, `${took.toFixed(1)} ms`),
      replayed ? h("span", { class: "chip" }, `Idempotent-Replayed: ${replayed}`) : null),
    h("pre", { hidden: !json, tabindex: 0, "aria-label": "Answer" }, JSON.stringify(json, null, 1)),
  );
}

async function send() {
  const { method, path, headers, body } = ask();
  const told = await call(method, path, { headers, body });
  report(told);
  const made = told.status === 201 ? [told.json] : (told.ok && told.json?.results) || [];
  for (const { id } of made) {
    if (sent.some((one) => one.id === id)) continue;
    sent.unshift({ id, title: body.title ?? kind.name });
    sent.length = Math.min(sent.length, KEPT);
  }
}

/** Sets it going. */
export function compose() {
  $(".kinds").append(
    ...KINDS.map((one) =>
      h("label", {}, h("input", { type: "radio", name: "kind", value: one.id, checked: one === kind }), h("span", {}, one.name)),
    ),
  );
  $(".kinds").addEventListener("change", (/** @type {any} */ { target }) => {
    kind = KINDS.find((one) => one.id === target.value) ?? kind;
    answer.hidden = true;
    show();
  });
  form.addEventListener("input", () => {
    typed[kind.id] = values();
    paint();
  });
  form.addEventListener("submit", (/** @type {Event} */ event) => {
    event.preventDefault();
    void send();
  });
  $(".terminal .strip").append(copier(() => command.textContent));
  show();
}

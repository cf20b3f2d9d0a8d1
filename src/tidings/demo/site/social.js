/** A small town that uses Tidings: two screens side by side, and backstage what the application says. */

import { $, copier, h } from "./page.js";
import { announce, clear, recommend } from "./social/acts.js";
import { curl } from "./curl.js";
import { Pane } from "./social/pane.js";
import { Plaza } from "./social/plaza.js";

const SHOWN = 60; // requests

const plaza = new Plaza();
const said = $(".said");

plaza.addEventListener("said", (/** @type {any} */ { detail: { method, path, body, status, took } }) => {
  const [where, query] = decodeURIComponent(path).split("?");
  const command = curl({ method, path, body }, location.origin);
  said.prepend(h("li", {},
    h("details", {},
      h("summary", {},
        h("b", { class: `method ${method}` }, method), h("code", {}, where),
        h("span", { class: status && status < 300 ? "good" : "bad" }, `${status || "no answer"} · ${Math.round(took)} ms`),
        h("span", { class: "gist" }, body ? gist(body) : query?.split("&")[0])),
      h("pre", {}, command), copier(() => command, "Copy as curl"))));
  while (said.childElementCount > SHOWN) said.lastElementChild.remove();
});

/** @param {any} body */
function gist({ to, title }) {
  const target = to.all ? "everyone" : to.topic ?? to.user ?? to.users.join(", ");
  return `${target}: ${title}`;
}

const panes = [new Pane(plaza, "ada", "left"), new Pane(plaza, "ben", "right")];
panes[0].bell.setAttribute("title-badge", "");
panes[0].bell.setAttribute("favicon-badge", "/demo/icon-new.svg");
$(".screens").append(...panes.map(({ element }) => element));

$("#announce").addEventListener("click", () => void announce(plaza));
$("#recommend").addEventListener("click", () => void recommend(plaza, panes.map(({ who }) => who)));
$("#again").addEventListener("click", async () => {
  await clear(plaza);
  location.reload();
});

await plaza.open();
document.documentElement.dataset.ready = "";

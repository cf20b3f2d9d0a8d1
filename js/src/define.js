/** Defines <tidings-bell>: `<script type="module" src=".../define.js"></script>` is all a page needs. */

import { TidingsBell } from "./element.js";

// Without a DOM (a server that renders) there is nothing to define.
const { customElements } = globalThis;
if (customElements && !customElements.get("tidings-bell")) customElements.define("tidings-bell", TidingsBell);

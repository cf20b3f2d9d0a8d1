/** Defines <tidings-bell>: `<script type="module" src=".../define.js"></script>` is all a page needs. */

import { TidingsBell } from "./element.js";

// Without a DOM (a server that renders) there is nothing to define. A browser that could not show the list is left with
// what the page has put into the element.
const { customElements, CSS } = globalThis;
if (CSS?.supports("selector(:popover-open) and (color:light-dark(red,red))") && !customElements.get("tidings-bell")) {
  customElements.define("tidings-bell", TidingsBell);
}

/** Defines <tidings-bell>: `<script type="module" src=".../define.js"></script>` is all a page needs. */

import { TidingsBell } from "./element.js";

if (!customElements.get("tidings-bell")) customElements.define("tidings-bell", TidingsBell);

/** Makes <tidings-bell> known to the page: `<script type="module" src=".../define.js"></script>` is all it takes. */

import { TidingsBell } from "./element.js";

if (!customElements.get("tidings-bell")) customElements.define("tidings-bell", TidingsBell);

/** Try it: send each kind of message, and watch two people receive it. */

import { compose } from "./composer.js";
import { $, copier } from "./page.js";
import { person } from "./person.js";

compose();
document.querySelectorAll(".person").forEach((section) => person(/** @type {HTMLElement} */ (section)));

const snippet = $("#snippet");
snippet.textContent = `<script type="module" src="${location.origin}/js/define.js"></script>
<tidings-bell src="${location.origin}" user="alice"></tidings-bell>`;
$(".yours .strip").append(copier(() => snippet.textContent));

/** The bell's options in the query of the address: `?theme=dark&dir=rtl&lang=ar&sound&...` */

const bell = document.querySelector("tidings-bell");
for (const [name, value] of new URLSearchParams(location.search)) {
  const target = name === "dir" || name === "lang" ? document.documentElement : bell;
  target?.setAttribute(name, value);
}
await import("../src/define.js");

// Before anything is painted, so that a page chosen dark does not flash light. The rest is in page.js.
try {
  document.documentElement.dataset.theme = localStorage.getItem("theme") ?? "";
} catch {
  document.documentElement.dataset.theme = ""; // this browser keeps nothing for us
}

// Before anything is painted, so that a page chosen dark does not flash light. The rest is in page.js.
document.documentElement.dataset.theme = localStorage.getItem("theme") ?? "";

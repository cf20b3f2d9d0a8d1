import{g as e}from"./chunk-JBHPCBQQ.js";import"./chunk-457IROXS.js";import"./chunk-VZQBYH2R.js";customElements.get("tidings-bell")||customElements.define("tidings-bell",e);

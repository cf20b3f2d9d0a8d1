import{g as l}from"./chunk-UN4TTRQM.js";import"./chunk-OL5DMAFV.js";import"./chunk-SQ6FNHEY.js";var{customElements:i}=globalThis;i&&!i.get("tidings-bell")&&i.define("tidings-bell",l);

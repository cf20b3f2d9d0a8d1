import{g as l}from"./chunk-7UGTXRP3.js";import"./chunk-2ITJUMCG.js";import"./chunk-LSZLMMXH.js";var{customElements:i}=globalThis;i&&!i.get("tidings-bell")&&i.define("tidings-bell",l);

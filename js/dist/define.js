import{g as l}from"./chunk-DMSYOYWL.js";import"./chunk-K6QWUUTJ.js";import"./chunk-KENFMGUL.js";var{customElements:i}=globalThis;i&&!i.get("tidings-bell")&&i.define("tidings-bell",l);

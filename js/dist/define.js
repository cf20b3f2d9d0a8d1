import{g as l}from"./chunk-YAAVTE5T.js";import"./chunk-LTBU6SYD.js";import"./chunk-H5NGJU3H.js";var{customElements:i}=globalThis;i&&!i.get("tidings-bell")&&i.define("tidings-bell",l);

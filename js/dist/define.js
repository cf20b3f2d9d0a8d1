import{g as e}from"./chunk-X2UP7PLU.js";import"./chunk-QKN2UU4P.js";import"./chunk-TKYSKWBN.js";customElements.get("tidings-bell")||customElements.define("tidings-bell",e);

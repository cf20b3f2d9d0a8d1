import{g as e}from"./chunk-EQV3H5SK.js";import"./chunk-SALJA7IY.js";import"./chunk-KY36ODJH.js";customElements.get("tidings-bell")||customElements.define("tidings-bell",e);

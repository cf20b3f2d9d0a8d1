import{g as e}from"./chunk-SM7AB53U.js";import"./chunk-PZPTXFOQ.js";import"./chunk-KY36ODJH.js";customElements.get("tidings-bell")||customElements.define("tidings-bell",e);

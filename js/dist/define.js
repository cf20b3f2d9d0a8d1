import{g as e}from"./chunk-FPEAX7D4.js";import"./chunk-WRYKRNUO.js";import"./chunk-4NSS7IWW.js";customElements.get("tidings-bell")||customElements.define("tidings-bell",e);

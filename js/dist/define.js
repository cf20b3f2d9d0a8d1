import{g as l}from"./chunk-AWA73U4V.js";import"./chunk-G4X57FPZ.js";import"./chunk-7UPITDWL.js";var{customElements:i}=globalThis;i&&!i.get("tidings-bell")&&i.define("tidings-bell",l);

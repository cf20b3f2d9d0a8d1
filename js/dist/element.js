import{g as a}from"./chunk-C2BTHK4W.js";import"./chunk-CNLRDPCB.js";import"./chunk-4IVDUI2C.js";export{a as TidingsBell};

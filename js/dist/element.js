import{g as a}from"./chunk-EDHVRZ3C.js";import"./chunk-YTZKR3DQ.js";import"./chunk-YHWWVQC3.js";export{a as TidingsBell};

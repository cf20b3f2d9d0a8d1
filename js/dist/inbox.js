import{a as b,b as c,c as d,d as e,e as f}from"./chunk-CNLRDPCB.js";import{c as a}from"./chunk-4IVDUI2C.js";export{a as TidingsError,c as expire,d as fromPage,e as listed,f as openInbox,b as reduce};

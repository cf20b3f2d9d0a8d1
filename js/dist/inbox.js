import{a,b,c,d,e,f}from"./chunk-YRZCUMYD.js";import"./chunk-P7DMKEBL.js";import"./chunk-PT3SD4II.js";export{a as InboxError,c as expire,d as fromPage,e as listed,f as openInbox,b as reduce};

import{a,b,c,d,e,f}from"./chunk-JEQHIWXG.js";import"./chunk-QGYWI2CZ.js";import"./chunk-CC74UVQB.js";export{a as InboxError,c as expire,d as fromPage,e as listed,f as openInbox,b as reduce};

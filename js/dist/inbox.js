import{a,b,c,d,e,f}from"./chunk-K6AAP5OR.js";import"./chunk-YLGQF2MK.js";import"./chunk-UVNWQCNM.js";export{a as InboxError,c as expire,d as fromPage,e as listed,f as openInbox,b as reduce};

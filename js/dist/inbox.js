import{a,b,c,d,e,f}from"./chunk-PI7EYK42.js";import"./chunk-OTUKL67Z.js";import"./chunk-EZJ3QKA3.js";export{a as InboxError,c as expire,d as fromPage,e as listed,f as openInbox,b as reduce};

import{a,b,c,d,e,f}from"./chunk-PASTEEED.js";import"./chunk-K2WRRXDJ.js";import"./chunk-2FU2WHNF.js";export{a as InboxError,c as expire,d as fromPage,e as listed,f as openInbox,b as reduce};

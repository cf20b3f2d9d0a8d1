import{a,b,c,d,e,f}from"./chunk-U2ORQGT4.js";import"./chunk-ZQGKE7ZW.js";import"./chunk-USCG5LGW.js";export{a as InboxError,c as expire,d as fromPage,e as listed,f as openInbox,b as reduce};

import{a as b,b as c,c as d,d as e,e as f}from"./chunk-XDHUPSKE.js";import{c as a}from"./chunk-7ZQIYFGI.js";export{a as TidingsError,c as expire,d as fromPage,e as listed,f as openInbox,b as reduce};

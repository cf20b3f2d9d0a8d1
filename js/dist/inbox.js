import{a as b,b as c,c as d,d as e,e as f}from"./chunk-CNZ2PNNA.js";import{c as a}from"./chunk-K26TC32Y.js";export{a as TidingsError,c as expire,d as fromPage,e as listed,f as openInbox,b as reduce};

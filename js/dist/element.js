import{g as a}from"./chunk-3N6UE4HT.js";import"./chunk-CNZ2PNNA.js";import"./chunk-K26TC32Y.js";export{a as TidingsBell};

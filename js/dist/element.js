import{a}from"./chunk-CVWFCPXG.js";import"./chunk-PASTEEED.js";import"./chunk-K2WRRXDJ.js";import"./chunk-2FU2WHNF.js";import"./chunk-LVHUKB23.js";export{a as TidingsBell};

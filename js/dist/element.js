import{a}from"./chunk-O6OAIBGS.js";import"./chunk-CTHUAGJU.js";import"./chunk-YLGQF2MK.js";import"./chunk-UVNWQCNM.js";import"./chunk-LVHUKB23.js";export{a as TidingsBell};

import{a}from"./chunk-4IWKZSYL.js";import"./chunk-LUS2MCNR.js";import"./chunk-YLGQF2MK.js";import"./chunk-UVNWQCNM.js";import"./chunk-4ZPHVZRM.js";export{a as TidingsBell};

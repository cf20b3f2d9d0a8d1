import{a}from"./chunk-DNOG56CC.js";import"./chunk-K6AAP5OR.js";import"./chunk-YLGQF2MK.js";import"./chunk-UVNWQCNM.js";import"./chunk-4ZPHVZRM.js";export{a as TidingsBell};

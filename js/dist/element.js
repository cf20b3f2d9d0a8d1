import{a}from"./chunk-UJ527BVC.js";import"./chunk-CVZ47U2N.js";import"./chunk-K2WRRXDJ.js";import"./chunk-2FU2WHNF.js";import"./chunk-IUKW2MMI.js";export{a as TidingsBell};

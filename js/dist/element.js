import{g as a}from"./chunk-VLTQS6AM.js";import"./chunk-B2G3XUHZ.js";import"./chunk-4DVYBFC7.js";export{a as TidingsBell};
